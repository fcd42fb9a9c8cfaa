"""Joules of short pieces of work, where a sensor that is quick enough counts them."""

import time
from dataclasses import replace

import pytest
from moving_rapl import moving

from wattscan.targets import load_target
from wattscan.telemetry.joules import Counted, counted
from wattscan.units import Seconds

CPU = load_target("cpu")
MODEL_AND_RAPL = tuple(each for each in CPU.sensors if each.name in ("rapl", "cpu-model"))


def only_rapl(**choice):
    (rapl,) = (each for each in CPU.sensors if each.name == "rapl")
    return replace(CPU, sensors=(replace(rapl, unless="", **choice),))


@pytest.mark.slow
def test_a_counter_is_read_for_each_piece(tmp_path):
    with (
        moving({"package-0": 10.0, "package-1": 20.0}, tmp_path),
        counted(only_rapl(), tmp_path) as source,
    ):
        assert isinstance(source, Counted)
        assert (source.name, source.block) == ("rapl (package-0+package-1)", 0.1)
        begin, before = time.monotonic(), source.read()
        time.sleep(0.5)
        power = (source.read() - before) / (time.monotonic() - begin)
    assert power == pytest.approx(30, rel=0.1)


def test_what_is_silent_counts_nothing(tmp_path):
    with moving({"package-0": 10.0}, tmp_path), counted(only_rapl(), tmp_path) as source:
        assert isinstance(source, Counted)
        assert source.read() is not None
        (tmp_path / "class/powercap/intel-rapl:0/energy_uj").unlink()
        assert source.read() is None


def test_a_model_measures_nothing(tmp_path):
    target = replace(CPU, sensors=MODEL_AND_RAPL)
    with counted(target, tmp_path) as source:
        assert source == "no sensor here measures power or energy"


def test_a_source_that_is_renewed_seldom_tells_no_pieces_apart(tmp_path):
    slow = only_rapl(update_period=Seconds(1.0))
    with moving({"package-0": 10.0}, tmp_path), counted(slow, tmp_path) as source:
        assert source == "rapl (package-0) renews its figure each 1 s only"
