"""One suite over all backends: whatever runs a model, it answers the same."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from shipped_models import CARDS, WEIGHED
from wattscan import plugins
from wattscan.artifacts import model_file
from wattscan.contracts import EngineAbsent, WattscanError
from wattscan.testing import BackendContract

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("openvino", {"threads": 1}),
    ("onnxruntime", {"threads": 1, "provider": "cpu"}),
    ("onnxruntime", {"threads": 1, "provider": "openvino"}),
    ("litert", {"threads": 1}),
]
IDS = [f"{name}-{settings.get('provider', '')}".rstrip("-") for name, settings in VARIANTS]


def open_engine(card, name, settings):
    backend = plugins.backend(name)
    try:
        return backend.open_engine(model_file(card, backend.FORMAT).path, settings)
    except EngineAbsent as error:
        pytest.skip(f"not for this processor: {error}")


@pytest.fixture(scope="module", params=VARIANTS, ids=IDS)
def variant(request):
    return request.param


@pytest.fixture(scope="module", params=WEIGHED, ids=lambda card: card.name)
def card(request):
    return request.param


@pytest.fixture(scope="module")
def engine(card, variant):
    engine = open_engine(card, *variant)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def reference(card):
    """Six phantoms, and what ONNX Runtime's own provider answers to them."""
    samples = plugins.task(card.task).phantom(6, seed=77)
    return samples, open_engine(card, "onnxruntime", {"provider": "cpu"}).infer(
        batch_of(card, samples)
    )


def batch_of(card, samples):
    task = plugins.task(card.task)
    return np.stack([task.preprocess(image, card.normalisation) for image in samples.images])


def test_every_backend_is_in_the_suite():
    assert {name for name, _ in VARIANTS} == set(plugins.names("backends"))


def test_an_engine_reproduces_the_cards_score(card, engine, reference):
    """On a few images: the score itself, on the whole held-out set, is `models check`'s."""
    task = plugins.task(card.task)
    samples, expected = reference
    logits = engine.infer(batch_of(card, samples))
    assert logits.dtype == np.float32
    assert logits.shape[0] == 6
    score = task.score(logits, samples.truth)
    assert abs(score - task.score(expected, samples.truth)) < 0.005
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.999
    assert engine.provider


def test_the_answer_does_not_depend_on_what_was_asked_before(card, engine):
    height, width, channels = plugins.task(card.task).input_shape
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 1, height, width, channels)).astype(np.float32)
    before = engine.infer(first).copy()
    engine.infer(second)
    np.testing.assert_array_equal(engine.infer(first), before)


class TestEveryBackend(BackendContract):
    """The suite that is given to vendors."""

    @pytest.fixture(autouse=True)
    def chosen(self, variant):
        self.name, self.settings = variant

    @pytest.fixture(params=["nerve-ultrasound-fp32", "nerve-ultrasound-int8"])
    def model(self, request):
        (card,) = [card for card in CARDS if card.name == request.param]
        return model_file(card, plugins.backend(self.name).FORMAT).path


@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
@pytest.mark.parametrize("threads", ["x", 0, -1, 1.5, True, [1], float("inf")])
def test_threads_that_are_no_number_are_told(name, settings, threads):
    backend = plugins.backend(name)
    path = model_file(CARDS[0], backend.FORMAT).path
    with pytest.raises(WattscanError, match="threads must be a whole number"):
        backend.open_engine(path, {**settings, "threads": threads})


CALLS_HOME = """
import sys
calls = []
sys.addaudithook(lambda event, args: calls.append((event, args)) if event.startswith(
    ("socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.fork")
) else None)
from pathlib import Path
from wattscan import plugins
plugins.backend(sys.argv[1]).open_engine(Path(sys.argv[2]), {"threads": 1}).close()
assert not calls, calls
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("name", sorted({name for name, _ in VARIANTS}))
def test_no_runtime_calls_anybody_or_leaves_a_trace(name, tmp_path):
    path = model_file(CARDS[0], plugins.backend(name).FORMAT).path
    done = subprocess.run(
        [sys.executable, "-c", CALLS_HOME, name, str(path)],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_no_artifact_holds_a_path_of_the_machine_that_made_it(card):
    for file in card.files:
        data = file.path.read_bytes()
        assert b"site-packages" not in data
        assert b".py" not in data
