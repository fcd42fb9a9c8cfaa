"""One suite over all backends: whatever runs a model, it answers the same."""

import numpy as np
import pytest

from wattscan import plugins
from wattscan.artifacts import default_models, find_cards, model_file
from wattscan.contracts import EngineAbsent, WattscanError

CARDS = find_cards(default_models())
VARIANTS = [
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


@pytest.fixture(params=VARIANTS, ids=IDS)
def variant(request):
    return request.param


@pytest.fixture(params=CARDS, ids=lambda card: card.name)
def card(request):
    return request.param


def test_every_backend_is_in_the_suite():
    assert {name for name, _ in VARIANTS} == set(plugins.names("backends"))


def test_an_engine_reproduces_the_cards_score(card, variant):
    """On a few images: the score itself, on the whole held-out set, is `models check`'s."""
    task = plugins.task(card.task)
    samples = task.phantom(6, seed=77)
    batch = np.stack([task.preprocess(image, card.normalisation) for image in samples.images])
    engine = open_engine(card, *variant)
    logits = engine.infer(batch)
    assert logits.dtype == np.float32
    assert logits.shape[0] == 6
    reference = open_engine(card, "onnxruntime", {"provider": "cpu"}).infer(batch)
    score = task.score(logits, samples.truth)
    assert abs(score - task.score(reference, samples.truth)) < 0.005
    assert np.corrcoef(logits.ravel(), reference.ravel())[0, 1] > 0.999
    assert engine.provider
    engine.close()


def test_the_answer_does_not_depend_on_what_was_asked_before(card, variant):
    task = plugins.task(card.task)
    height, width, channels = task.input_shape
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 1, height, width, channels)).astype(np.float32)
    engine = open_engine(card, *variant)
    before = engine.infer(first).copy()
    engine.infer(second)
    np.testing.assert_array_equal(engine.infer(first), before)


@pytest.mark.parametrize("content", [b"", b"this is not a model", None])
def test_a_file_that_is_no_model_is_one_clear_line(tmp_path, variant, content):
    name, settings = variant
    backend = plugins.backend(name)
    path = tmp_path / f"model.{backend.FORMAT}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WattscanError) as caught:
        backend.open_engine(path, settings)
    assert "\n" not in str(caught.value)
    if "Intel" not in str(caught.value):
        assert path.name in str(caught.value)
