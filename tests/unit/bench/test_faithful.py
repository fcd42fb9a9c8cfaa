"""An engine that answers otherwise than the model's file says is not measured."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.bench.faithful import check_engines
from wattscan.contracts import EngineAbsent, WattscanError
from wattscan.installation import models_folder
from wattscan.targets import load_target

MODELS, TASKS = models_folder(), ("nerve-ultrasound",)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "wattscan" / "compared.json"


@pytest.fixture
def said():
    return []


def check(said, target=None):
    named = replace(load_target("cpu"), backend="openvino")
    cards = [card for card in find_cards(MODELS) if card.task in TASKS]
    return check_engines(cards, target or named, said.append)


def changed(monkeypatch, open_engine):
    """The target's engine, opened otherwise."""
    real = plugins.backend

    def backend(name):
        module = real(name)
        if name != "openvino":
            return module
        return SimpleNamespace(FORMAT=module.FORMAT, open_engine=open_engine(module.open_engine))

    monkeypatch.setattr(plugins, "backend", backend)


def wrong(open_engine):
    def opened(path, settings):
        engine = open_engine(path, settings)
        infer = engine.infer
        engine.infer = lambda batch: infer(batch) * 0.5
        return engine

    return opened


def test_an_engine_that_answers_alike_is_compared_once(said, cache, monkeypatch):
    assert check(said) == []
    assert said == [
        "Comparing openvino with ONNX Runtime, once for each model ...",
        "openvino answers as ONNX Runtime does with 2 model(s)",
    ]
    assert check(said) == []
    assert len(said) == 2
    # Another version of an engine is another comparison, and so is a cache that cannot be read.
    cache.write_text("[")
    assert check(said) == []
    monkeypatch.setattr(plugins, "engine_version", lambda name: "2099")
    assert check(said) == []
    assert len(said) == 6


def test_one_that_answers_otherwise_is_refused_each_time(said, monkeypatch):
    changed(monkeypatch, wrong)
    for _ in range(2):
        with pytest.raises(WattscanError, match="answers otherwise with nerve-ultrasound-"):
            check(said)


def test_one_that_is_not_here_is_left_to_the_service(said, monkeypatch):
    def absent(_):
        def opened(path, settings):
            raise EngineAbsent("no such device")

        return opened

    changed(monkeypatch, absent)
    assert check(said) == []


def test_without_the_reference_the_state_is_not_compared(said, monkeypatch):
    monkeypatch.setattr(plugins, "engine_version", lambda name: "" if "onnx" in name else "1")
    (warning,) = check(said)
    assert warning.startswith("not compared")
    assert said == []
