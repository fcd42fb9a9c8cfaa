"""Which engine serves where the backend is `auto`, and how many images it takes at once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from wattscan import engine_choice, plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import EngineAbsent, WattscanError
from wattscan.engine_choice import Cost, Tuning
from wattscan.serving.cli import chosen_target
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target

NAME = "nerve-ultrasound-int8"
SHIPPED = Path(__file__).parents[3] / "models" / NAME


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(SHIPPED, tmp_path / "models" / NAME)
    return tmp_path / "models"


def keep(folder, **costs):
    """Seconds alone and in a batch, by engine."""
    (card,) = find_cards(folder)
    pairs = {name: [Cost(seconds) for seconds in pair] for name, pair in costs.items()}
    alone, together = ({name: pair[n] for name, pair in pairs.items()} for n in (0, 1))
    engine_choice.keep(card.files, Tuning(alone, together, "2026-11-28"))


@pytest.fixture
def served(folder):
    """Of the only model: the engine, the largest batch, whether it is untuned, the reason."""

    def load(target=None, toml=""):
        if toml:
            (folder / NAME / "model.toml").write_text(toml)
        repository = Repository(folder, target or load_target("cpu"))
        repository.load_all()
        model = repository.get(NAME)
        found = (
            model.backend,
            model.batcher.settings.max_batch_size,
            model.untuned,
            model.engine_reason,
        )
        model.close()
        return found

    return load


def test_what_is_not_tuned_is_openvinos(served):
    assert served() == ("openvino", 1, True, "")


@pytest.mark.parametrize(
    ("costs", "engine", "batch"),
    [
        ({"litert": (2, 2), "openvino": (3, 3)}, "litert", 1),
        ({"litert": (3, 2), "openvino": (3.1, 3)}, "litert", 4),
        ({"onnxruntime": (3, 2)}, "onnxruntime", 4),
    ],
)
def test_what_takes_least_serves(folder, served, costs, engine, batch):
    keep(folder, **costs)
    assert served() == (engine, batch, False, "")


def test_a_models_own_threads_take_the_same_engine(folder, served):
    keep(folder, litert=(2, 2), openvino=(3, 3))
    assert served(toml="[backend]\nthreads = 2\n")[0] == "litert"


def test_a_file_that_the_card_does_not_name_changes_nothing(folder, served):
    keep(folder, litert=(2, 2), openvino=(3, 3))
    version = folder / NAME / "1"
    shutil.copy(version / "model.onnx", version / "model.symmetric.onnx")
    assert served()[0] == "litert"


def test_what_somebody_has_set_holds(folder, served):
    keep(folder, litert=(3, 2), openvino=(3.1, 3))
    cpu = load_target("cpu")
    assert served(replace(cpu, backend="onnxruntime"))[:3] == ("onnxruntime", 1, False)
    batching = replace(cpu.batching, max_batch_size=6)
    assert served(replace(cpu, batching=batching))[:2] == ("litert", 6)
    assert served(toml='backend = { name = "onnxruntime" }')[:2] == ("onnxruntime", 1)
    assert served(toml="[batching]\nmax_batch_size = 1\n")[:2] == ("litert", 1)
    assert served(toml="[batching]\nqueue_limit = 32\n")[:2] == ("litert", 4)


def absent(monkeypatch, *names):
    def refuse(path, settings):
        raise EngineAbsent("it is not installed: pip install 'wattscan[it]'")

    for name in names:
        monkeypatch.setattr(plugins.backend(name), "open_engine", refuse)


def test_an_engine_that_is_not_here_gives_its_place_to_one_that_is(served, monkeypatch):
    absent(monkeypatch, "openvino", "onnxruntime")
    engine, batch, _, reason = served()
    assert (engine, batch) == ("litert", 1)
    assert reason.startswith("it is not installed: pip install")


def test_where_none_is_here_the_first_is_asked_for(folder, monkeypatch):
    absent(monkeypatch, *plugins.names("backends"))
    with pytest.raises(WattscanError, match="it is not installed: pip install"):
        Repository(folder, load_target("cpu")).load_all()


def test_a_backend_may_be_asked_for_instead_of_the_targets():
    assert chosen_target("cpu", None) == chosen_target("cpu", "auto") == load_target("cpu")
    litert = chosen_target("cpu", "litert")
    assert (litert.backend, litert.backend_settings) == ("litert", {"threads": 1})
    with pytest.raises(WattscanError, match="no engine called 'tflite'; there is: auto, litert"):
        chosen_target("cpu", "tflite")
    # What a delegate or a provider computes is another device's.
    assert chosen_target("edge-tpu", "litert") == load_target("edge-tpu")
    for target, why in (("edge-tpu", "libedgetpu"), ("quadro-p6000", "cuda")):
        with pytest.raises(WattscanError, match=f"the target {target} is for .* with {why}"):
            chosen_target(target, "onnxruntime" if target == "edge-tpu" else "auto")


def test_an_engine_of_the_processor_may_take_anothers_place(tmp_path):
    text = (Path(plugins.__file__).parent / "targets" / "cpu.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('name = "auto"', 'name = "onnxruntime"\nprovider = "cpu"'))
    assert chosen_target(str(mine), "litert").backend_settings == {"threads": 1}


def test_tensorrts_form_alone_is_no_model(folder):
    version = folder / NAME / "1"
    (version / "model.onnx").rename(version / "model.symmetric.onnx")
    (version / "model.tflite").unlink()
    with pytest.raises(WattscanError, match=r"neither model\.onnx nor model\.tflite"):
        Repository(folder, load_target("jetson-orin")).load_all()


def test_tensorrt_takes_the_symmetric_form_where_it_is_there(folder, monkeypatch):
    opened = []
    backend = plugins.backend("onnxruntime")
    real = backend.open_engine

    def open_engine(path, settings):
        opened.append(path.name)
        return real(path, {"threads": 1})

    monkeypatch.setattr(backend, "open_engine", open_engine)
    target = load_target("jetson-orin")
    repository = Repository(folder, target)
    repository.load_all()
    repository.close()
    version = folder / NAME / "1"
    shutil.copy(version / "model.onnx", version / "model.symmetric.onnx")
    card = json.loads((folder / NAME / "card.json").read_text())
    plain = card["files"][0]
    card["files"].append({**plain, "format": "onnx-symmetric", "path": "1/model.symmetric.onnx"})
    (folder / NAME / "card.json").write_text(json.dumps(card))
    repository = Repository(folder, target)
    repository.load_all()
    assert repository.get(NAME).file.format == "onnx-symmetric"
    repository.close()
    assert opened == ["model.onnx", "model.symmetric.onnx"]
    # Others read the plain form all the same.
    repository = Repository(folder, replace(target, backend_settings={"provider": "cpu"}))
    repository.load_all()
    assert repository.get(NAME).file.format == "onnx"
    repository.close()
