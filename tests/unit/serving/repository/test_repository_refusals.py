"""Models that are not served, and why."""

import shutil
from pathlib import Path

import pytest
from repository_rig import ask

from wattscan.backends import onnxruntime, openvino
from wattscan.contracts import EngineAbsent, EngineUnfit, WattscanError
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target

DATA = Path(__file__).parents[3] / "data"


def test_a_version_without_a_file_is_told(folder, open_repository):
    (folder / "tiny" / "2").mkdir()
    with pytest.raises(WattscanError, match=r"neither model\.onnx nor model\.tflite"):
        open_repository()


def test_a_folder_without_a_model_is_told(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("")
    with pytest.raises(WattscanError, match="holds no model"):
        Repository(tmp_path, load_target("cpu")).load_all()


def test_what_was_refused_is_forgotten_with_its_folder(folder, open_repository):
    repository = open_repository()
    (folder / "other" / "1").mkdir(parents=True)
    repository.refresh()
    assert [e.name for e in repository.index() if not e.ready] == ["other"]
    shutil.rmtree(folder / "other")
    repository.refresh()
    assert all(e.ready for e in repository.index())


def test_a_file_that_lies_where_nobody_looks_is_told_once(folder, open_repository, caplog):
    repository = open_repository()
    for place in ("flat", "other/v1", "deep/er/1"):
        (folder / place).mkdir(parents=True)
        (folder / place / "model.onnx").write_bytes(b"x")
    for _ in range(2):
        repository.refresh()
    told = [r.getMessage() for r in caplog.records if "is ignored" in r.getMessage()]
    assert len(told) == 3


def test_a_policy_that_leaves_nothing_is_refused_and_the_old_version_stays(
    folder, open_repository, configure
):
    repository = open_repository()
    configure("version_policy = { specific = [9] }")
    repository.refresh()
    assert ask(repository)[0] == 1
    assert "none of the versions" in next(e.reason for e in repository.index() if not e.ready)


def graph(folder, name, config=""):
    (folder / name / "1").mkdir(parents=True)
    shutil.copy(DATA / "graphs" / f"{name}.onnx", folder / name / "1" / "model.onnx")
    if config:
        (folder / name / "model.toml").write_text(config)


@pytest.mark.parametrize("config", ["", 'backend = { name = "openvino" }'])
@pytest.mark.parametrize(
    ("name", "why"),
    [("sum_of_bytes", "sums of 8 or 16 bits otherwise than ONNX defines"), ("relu", "of a NaN")],
)
def test_what_an_engine_computes_otherwise_goes_to_another_and_all_say_so(
    folder, open_repository, caplog, name, why, config
):
    graph(folder, name, config)
    repository = open_repository()
    model = repository.get(name)
    assert model.backend == "onnxruntime"
    assert why in model.engine_reason
    (entry,) = [entry for entry in repository.index() if entry.name == name]
    assert (entry.ready, entry.reason) == (True, model.engine_reason)
    assert f"{name} version 1 runs in onnxruntime: {model.engine_reason}" in caplog.text


def test_the_reason_does_not_tell_where_the_folder_lies(folder, open_repository, monkeypatch):
    def unfit(path, _settings):
        raise EngineUnfit(f"OpenVINO cannot load {path}: an operator is not known")

    monkeypatch.setattr(openvino, "open_engine", unfit)
    graph(folder, "relu")
    model = open_repository().get("relu")
    told = "OpenVINO cannot load relu/1/model.onnx: an operator is not known"
    assert (model.backend, model.engine_reason) == ("onnxruntime", told)


def test_an_engine_that_loses_a_nan_is_better_than_none(folder, open_repository, monkeypatch):
    def absent(*_):
        raise EngineAbsent("it is not installed")

    monkeypatch.setattr(onnxruntime, "open_engine", absent)
    graph(folder, "relu")
    model = open_repository().get("relu")
    assert model.backend == "openvino"
    assert model.engine_reason.endswith("no other engine is here")


@pytest.mark.parametrize("name", ["my model", "läsion", "50%", "a:b", ".hidden", "x" * 129])
def test_a_name_that_a_model_cannot_have_is_told(folder, open_repository, caplog, name):
    shutil.copytree(folder / "tiny", folder / name)
    repository = open_repository()
    assert [model.name for model in repository] == ["tiny"]
    assert f"{name}/1/model.onnx is ignored: models lie at <model>/<version>/; a name has" in (
        caplog.text
    )


def test_a_repository_of_such_names_alone_says_how_names_are(folder, open_repository):
    (folder / "tiny").rename(folder / "my model")
    with pytest.raises(WattscanError, match=r"holds no model .*; a name has ASCII letters"):
        open_repository()
