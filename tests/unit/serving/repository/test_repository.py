"""Which versions of a model are served."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from repository_rig import IMAGE, ask

from wattscan.contracts import WattscanError
from wattscan.serving.batching.work import Work
from wattscan.serving.errors import NotServed, RequestRefused
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger

COMMITTED = Path(__file__).parents[4] / "models"


def add_version(folder, number, content=None):
    shutil.copytree(folder / "tiny" / "1", folder / "tiny" / str(number))
    if content is not None:
        (folder / "tiny" / str(number) / "model.onnx").write_bytes(content)


def states(repository):
    return [(e.version, e.ready) for e in repository.index() if e.name == "tiny"]


def test_a_plain_model_has_its_own_tensors_and_answers(open_repository):
    repository = open_repository()
    model = repository.get("tiny")
    assert model.clinical is None
    assert model.batched
    assert model.labels == ("tiny", "")
    assert [(s.name, s.shape) for s in model.inputs] == [("image", (-1, 4, 4, 1))]
    assert [(s.name, s.shape) for s in model.outputs] == [
        ("scores", (-1, 3)),
        ("mask", (-1, 4, 4, 1)),
    ]
    version, scores = ask(repository)
    assert version == 1
    np.testing.assert_allclose(scores, (np.arange(48).reshape(16, 3) - 24).sum(0)[None] / 64)


def test_the_newest_is_served_and_the_policy_may_say_otherwise(folder, open_repository, configure):
    for number in (2, 10):
        add_version(folder, number)
    assert open_repository().versions("tiny") == [10]
    configure("version_policy = { latest = 2 }")
    assert open_repository().versions("tiny") == [2, 10]
    configure("version_policy = { all = true }")
    assert open_repository().versions("tiny") == [1, 2, 10]
    configure("version_policy = { specific = [2, 7] }")
    repository = open_repository()
    assert repository.versions("tiny") == [2]
    with pytest.raises(NotServed, match="there is: 2"):
        repository.get("tiny", 10)
    configure("version_policy = { specific = [7] }")
    with pytest.raises(WattscanError, match="none of the versions"):
        open_repository()


def test_labels_name_versions(folder, open_repository, configure):
    add_version(folder, 2)
    configure("version_policy = { all = true }\n[version_labels]\nstable = 1\ncanary = 2\n")
    repository = open_repository()
    assert repository.by_label("tiny", "canary") == 2
    with pytest.raises(NotServed, match="its labels are: canary, stable"):
        repository.by_label("tiny", "SECRET")


def test_a_new_version_takes_over_and_who_holds_the_old_one_finishes_on_it(folder, open_repository):
    repository = open_repository()
    with repository.lease("tiny") as old:
        add_version(folder, 2)
        repository.refresh()
        assert repository.versions("tiny") == [2]
        assert ask(repository)[0] == 2
        # Not closed under those who use it.
        work = Work([IMAGE], 1, Ledger().open("t", "p"))
        assert old.batcher.run(work)
    with pytest.raises((AttributeError, TypeError)):
        old.engines[0].run([IMAGE])


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_a_broken_new_version_is_refused_and_the_old_one_stays(
    folder, open_repository, caplog, content
):
    repository = open_repository()
    add_version(folder, 2, content)
    for _ in range(3):
        repository.refresh()
    assert states(repository) == [(1, True), (2, False)]
    assert ask(repository)[0] == 1
    (broken,) = [entry for entry in repository.index() if not entry.ready]
    assert "cannot load tiny/2/model.onnx" in broken.reason
    assert str(folder) not in broken.reason
    # It is tried, and told, once.
    assert len([r for r in caplog.records if "is refused" in r.getMessage()]) == 1
    shutil.copy(folder / "tiny" / "1" / "model.onnx", folder / "tiny" / "2" / "model.onnx")
    repository.refresh()
    assert states(repository) == [(2, True)]


def test_a_broken_configuration_leaves_all_as_it_was(folder, open_repository, configure):
    repository = open_repository()
    configure("max_batch = 3")
    repository.refresh()
    assert ask(repository)[0] == 1
    assert "unknown key max_batch" in next(e.reason for e in repository.index() if not e.ready)
    configure("[batching]\nmax_batch_size = 4\n")
    repository.refresh()
    assert repository.get("tiny").batcher.settings.max_batch_size == 4
    assert states(repository) == [(1, True)]


def test_a_folder_that_vanishes_leaves_all_as_it_was(folder, open_repository):
    repository = open_repository()
    folder.rename(folder.with_name("gone"))
    repository.refresh()
    assert ask(repository)[0] == 1
    folder.with_name("gone").rename(folder)


def test_models_come_and_go_with_their_folders(folder, open_repository):
    repository = open_repository()
    shutil.copytree(folder / "tiny", folder / "other")
    repository.refresh()
    assert repository.versions("other") == [1]
    shutil.rmtree(folder / "tiny")
    repository.refresh()
    with pytest.raises(NotServed, match="there is: other"):
        repository.get("tiny")


def test_unloading_lasts_until_it_is_loaded_again(folder, open_repository):
    repository = open_repository()
    shutil.copytree(folder / "tiny", folder / "other")
    repository.refresh()
    repository.unload("tiny")
    repository.refresh()
    with pytest.raises(NotServed):
        repository.get("tiny")
    assert [e.reason for e in repository.index() if e.name == "tiny"] == ["unloaded"]
    repository.load("tiny")
    assert ask(repository)[0] == 1
    with pytest.raises(NotServed):
        repository.load("nothing")
    with pytest.raises(NotServed):
        repository.unload("nothing")
    add_version(folder, 2, b"broken")
    with pytest.raises(RequestRefused, match="was not loaded: OpenVINO cannot load"):
        repository.load("tiny")
    assert ask(repository)[0] == 1


def test_clinical_models_need_a_card_for_every_version(tmp_path):
    name = "nerve-ultrasound-int8"
    shutil.copytree(COMMITTED / name, tmp_path / name)
    repository = Repository(tmp_path, load_target("cpu"))
    repository.load_all()
    model = repository.get(name)
    assert model.labels == ("nerve-ultrasound", "int8")
    assert [s.name for s in (*model.inputs, *model.outputs)] == ["image", "mask"]
    shutil.copytree(tmp_path / name / "1", tmp_path / name / "2")
    repository.refresh()
    (broken,) = [entry for entry in repository.index() if not entry.ready]
    assert "does not describe" in broken.reason
    card = (tmp_path / name / "card.json").read_text().replace('"1/model', '"model')
    (tmp_path / name / "2" / "card.json").write_text(card)
    repository.refresh()
    assert repository.versions(name) == [2]
    repository.close()
    (tmp_path / name).rename(tmp_path / "another-name")
    with pytest.raises(WattscanError, match="its folder must have that name"):
        Repository(tmp_path, load_target("cpu")).load_all()


def test_a_file_of_equal_size_and_time_is_another_one(folder, open_repository):
    repository = open_repository()
    before = repository.get("tiny")
    path = folder / "tiny" / "1" / "model.onnx"
    times = path.stat().st_mtime_ns
    (folder / "tiny" / "1" / "new").write_bytes(path.read_bytes())
    (folder / "tiny" / "1" / "new").rename(path)
    os.utime(path, ns=(times, times))
    repository.refresh()
    assert repository.get("tiny") is not before


def test_a_version_that_is_retired_is_watched_until_its_last_request(folder, open_repository):
    repository = open_repository()
    with repository.lease("tiny") as old:
        add_version(folder, 2)
        repository.refresh()
        assert old in repository.in_use()
    assert old not in repository.in_use()
