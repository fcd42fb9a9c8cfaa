"""The engine that takes least is found, kept, and taken where the target says `auto`."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from wattscan import cache, engine_choice, plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import WattscanError
from wattscan.engine_choice import Choice, Cost, Tuning, cheapest, same_engine
from wattscan.installation import models_folder
from wattscan.training import inventory
from wattscan.training.tune import TuneOptions, tune
from wattscan.units import Joules, Seconds

CARDS = [card for card in find_cards(models_folder()) if card.task == "nerve-ultrasound"]
FILES = CARDS[0].files


@pytest.fixture(autouse=True)
def quick_and_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("wattscan.training.tune.BLOCK", Seconds(0.01))
    monkeypatch.setattr("wattscan.training.tune._ROUNDS", 2)


def tuning(**costs):
    """Milliseconds alone and in a batch, by engine; joules too where there are four."""
    alone, together = {}, {}
    for name, (one, many, *joules) in costs.items():
        alone[name] = Cost(one / 1e3, joules[0] if joules else None)
        together[name] = Cost(many / 1e3, joules[1] if joules else None)
    return Tuning(alone, together, "2026-11-28")


class Meter:
    """Each engine's joules are what the test says, whatever its seconds."""

    name = "rapl (package-0)"
    block = Seconds(0.01)

    def __init__(self, readings):
        self.readings = readings

    def read(self):
        return next(self.readings)


@pytest.mark.parametrize(
    ("costs", "best"),
    [
        ({"litert": (2.2, 2.2), "openvino": (3.1, 2.1)}, ("litert", 1)),
        ({"onnxruntime": (6.2, 5.8), "openvino": (6.3, 5.0)}, ("openvino", 4)),
        ({"litert": (79, 78), "onnxruntime": (69, 71), "openvino": (75, 78)}, ("onnxruntime", 1)),
        ({"onnxruntime": (6.0, 5.8)}, ("onnxruntime", 1)),
        # What a batch would save counts where batches are computed.
        ({"litert": (1.0, 1.0), "openvino": (1.04, 0.958)}, ("litert", 1)),
        # Fewer joules count for more than less processor time,
        ({"litert": (2.0, 2.0, 0.04, 0.04), "openvino": (2.5, 2.5, 0.03, 0.03)}, ("openvino", 1)),
        # unless they are known of one only.
        ({"litert": (2.0, 2.0), "openvino": (2.5, 2.5, 0.03, 0.03)}, ("litert", 1)),
    ],
)
def test_the_cheapest_alone_and_in_a_batch_together(costs, best):
    assert cheapest(tuning(**costs)) == Choice(*best)


def test_the_same_engine_for_all_is_the_one_that_takes_least_over_all():
    fp32 = tuning(litert=(80, 80), onnxruntime=(70, 70), openvino=(75, 75))
    int8 = tuning(litert=(20, 20), onnxruntime=(30, 30), openvino=(21, 21))
    assert same_engine([fp32, int8]) == "openvino"
    # 1 + 1 of LiteRT's is more than it saves where it runs one of the two only.
    assert same_engine([fp32, tuning(onnxruntime=(30, 30))]) == "onnxruntime"
    assert same_engine([tuning(litert=(1, 1)), tuning(openvino=(1, 1))]) is None
    assert same_engine([]) is None


def test_what_is_found_is_kept_and_not_measured_again():
    said = []
    known = tune(CARDS, TuneOptions(budget=0.1), said.append)
    assert set(known) == {card.name for card in CARDS}
    kept = engine_choice.tuned(FILES)
    assert kept == known[CARDS[0].name]
    assert set(kept.alone) <= set(plugins.names("backends"))
    assert all(0 < cost.seconds < 1 and cost.joules is None for cost in kept.alone.values())
    assert tune(CARDS, TuneOptions(budget=0.1), said.append) == known
    assert all("; measured on 20" in line for line in said[2 * len(CARDS) :])
    assert tune(CARDS, TuneOptions(budget=0.1, again=True), said.append) != known


def test_joules_are_counted_over_blocks_and_a_silent_meter_is_none():
    count = iter(range(10**9))
    meter = Meter(Joules(3.0 * number) for number in count)
    known = tune(CARDS[:1], TuneOptions(budget=0.1, meter=meter), lambda _: None)
    costs = [*known[CARDS[0].name].alone.values(), *known[CARDS[0].name].together.values()]
    # 3 J for a block of 10 ms, whatever the number of images in it.
    assert all(0 < cost.joules <= 3 for cost in costs)
    silent = Meter(None for _ in count)
    said = []
    known = tune(CARDS[:1], TuneOptions(budget=0.1, again=True, meter=silent), said.append)
    assert all(cost.joules is None for cost in known[CARDS[0].name].alone.values())
    assert any("rapl (package-0) fell silent: processor time alone" in line for line in said)


def test_what_was_measured_otherwise_is_measured_anew():
    """With a sensor where there was none, or with other threads; not because a sensor has gone."""
    engine_choice.keep(FILES, tuning(litert=(2, 2)))
    count = iter(range(10**9))
    meter = Meter(Joules(3.0 * number) for number in count)

    def measured(**asked):
        said = []
        tune(CARDS[:1], TuneOptions(budget=0.1, **asked), said.append)
        return any("measuring" in line for line in said)

    assert not measured()
    assert measured(meter=meter)
    assert engine_choice.tuned(FILES).meter == "rapl (package-0)"
    assert not measured(meter=meter)
    assert not measured()
    assert measured(threads=2)
    assert engine_choice.tuned(FILES).threads == 2


def test_what_cannot_be_kept_is_no_success(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(WattscanError, match=r"cannot be kept .*Not a directory.*XDG_CACHE_HOME"):
        tune(CARDS[:1], TuneOptions(budget=0.1), lambda _: None)


def changed(monkeypatch, name, change):
    backend = plugins.backend(name)
    real = backend.open_engine

    def opened(path, settings):
        engine = real(path, settings)
        infer = engine.infer
        engine.infer = lambda batch: change(infer(batch))
        return engine

    monkeypatch.setattr(backend, "open_engine", opened)


@pytest.mark.parametrize(
    "change",
    [np.zeros_like, lambda logits: logits if len(logits) == 1 else logits[::-1]],
    ids=["always", "in a batch"],
)
def test_an_engine_that_answers_otherwise_is_left_out(monkeypatch, change):
    changed(monkeypatch, "litert", change)
    said = []
    tune(CARDS[:1], TuneOptions(budget=0.1), said.append)
    assert any("without litert, which answers otherwise" in line for line in said)
    assert "litert" not in engine_choice.tuned(FILES).alone


def test_where_the_reference_is_not_here_it_is_said(monkeypatch):
    absent = plugins.backend("onnxruntime")

    def refuse(path, settings):
        raise plugins.EngineAbsent("onnxruntime is not installed")

    monkeypatch.setattr(absent, "open_engine", refuse)
    said = []
    tune(CARDS[:1], TuneOptions(budget=0.1), said.append)
    assert any("not compared with onnxruntime" in line for line in said)
    assert not engine_choice.tuned(FILES).compared


def test_another_version_or_processor_is_tuned_anew(monkeypatch):
    engine_choice.keep(FILES, tuning(litert=(2, 2)))
    assert engine_choice.tuned(FILES).alone == {"litert": Cost(0.002)}
    # What no processor's engine reads changes nothing.
    extra = replace(FILES[0], format="onnx-symmetric", sha256="0")
    assert engine_choice.tuned([*FILES, extra]) is not None
    assert engine_choice.tuned([replace(FILES[0], sha256="0"), *FILES[1:]]) is None
    monkeypatch.setattr(engine_choice, "_cpuinfo", lambda: {"CPU part": "0xd0c"})
    assert engine_choice.tuned(FILES) is None
    monkeypatch.undo()
    monkeypatch.setattr(plugins, "engine_version", lambda name: "2099")
    assert engine_choice.tuned(FILES) is None


def test_two_processes_keep_what_each_has_found(tmp_path):
    script = (
        "import sys\nfrom wattscan import cache\n"
        "for number in range(50): cache.add('engines', {sys.argv[1] + str(number): 1})"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", script, name], env=env) for name in ("a", "b")
    ]
    assert [process.wait(60) for process in started] == [0, 0]
    assert len(cache.read("engines")) == 100
    assert [path.name for path in (tmp_path / "wattscan").iterdir() if path.suffix == ".json"]


def test_a_cache_that_is_no_file_holds_up_nobody(tmp_path):
    (tmp_path / "wattscan").mkdir()
    os.mkfifo(tmp_path / "wattscan" / "engines.json")
    assert engine_choice.tuned(FILES) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: [],
        lambda found: {**found, "alone": {}},
        lambda found: {**found, "together": {}},
        lambda found: {**found, "alone": {"litert": 3}},
        lambda found: {**found, "alone": {"litert": {"watts": 3}}},
        lambda found: {**found, "alone": {"litert": {"seconds": "3"}}},
        lambda found: {**found, "alone": {"litert": {"seconds": -3}}},
        lambda found: {**found, "together": {"litert": {"seconds": 10**400}}},
        lambda found: {**found, "alone": {"litert": {"seconds": 1, "joules": -1}}},
        lambda found: {**found, "threads": "many"},
        lambda found: {"alone": found["alone"]},
    ],
)
def test_a_cache_of_no_use_is_none(damage):
    engine_choice.keep(FILES, tuning(litert=(2, 2)))
    kept = cache.read("engines")
    cache.add("engines", {key: damage(found) for key, found in kept.items()})
    assert engine_choice.tuned(FILES) is None


def test_the_list_shows_it():
    listed = inventory.list_models(models_folder(), as_json=False)
    assert "not tuned" in listed
    engine_choice.keep(FILES, tuning(litert=(3.1, 2.0, 0.031, 0.02)))
    listed = inventory.list_models(models_folder(), as_json=False)
    assert "litert, batches of up to 4: 2.0 ms 0.02 J, 2026-11-28" in listed
