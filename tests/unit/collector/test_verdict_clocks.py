"""Verdicts: clocks that are off, drift or jump, and pages that are slow."""

import pytest
from edits import changed, without
from run_labels import LOADGEN, SOURCE
from synthetic import Spec, recording
from verdict_rig import LOADS, MIDDLE, PAGE, PHASE_END, RUN_STARTS, cells, codes, generator_clock

from wattscan.collector.clocks import clocks_of_delays
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.units import Seconds


def shifted(seconds):
    """Everything the recorder stamped, later by so much."""
    return lambda sample: sample._replace(at=sample.at + seconds)


def test_clocks():
    assert clocks_of_delays(Seconds(0.01), Seconds(1.0), 3, {}).apart == 0
    assert (
        clocks_of_delays(Seconds(-0.08), Seconds(1.0), 3, {}).apart == 0
    )  # a phase that began during a scrape
    assert clocks_of_delays(Seconds(-0.2), Seconds(1.0), 3, {}).apart == pytest.approx(0.1)
    assert clocks_of_delays(Seconds(1.3), Seconds(1.0), 3, {}).apart == pytest.approx(0.3)
    assert clocks_of_delays(Seconds(0.01), Seconds(1.0), 3, {}).unknown == pytest.approx(0.99)
    late = [shift_generator(6.0), without(PAGE)]
    assert "clocks_apart" in codes(Spec(interval=5.0, edits=tuple(late)))


def shift_generator(seconds):
    return lambda s: shifted(seconds)(s) if s.labels["instance"] == LOADGEN["instance"] else s


@pytest.mark.parametrize("ahead", [-7200.0, -40.0, -3.3, 0.4, 5.0, 3600.0])
def test_a_constant_offset_is_corrected_and_told(ahead):
    def by_its_clock(sample):
        moved = sample.name in (RUN_STARTS, PHASE_END)
        return sample._replace(value=sample.value + ahead) if moved else sample

    spec = Spec(edits=(by_its_clock, generator_clock(lambda s: ahead)))
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    for cell, plain in zip(report.measured.cells, cells(Spec()).values(), strict=True):
        assert cell.verdict == "valid"
        assert cell.joules("gross").mean == pytest.approx(plain.joules("gross").mean, rel=1e-4)
    assert report.measured.clocks.offset == pytest.approx(ahead, abs=1e-3)
    assert f"{abs(ahead):.3g} s" in report.table("energy")


def test_an_offset_that_hides_within_a_scrape_interval_is_not_valid():
    """Nothing tells of it: the first samples of a phase come within an interval all the same."""
    behind = Spec(edits=(shift_generator(2.0), without(PAGE)))
    assert codes(behind) == {"error_bound_too_large"}


@pytest.mark.parametrize(
    "ahead",
    [lambda s: 0.4 * (s.at > LOADS[5].start), lambda s: -0.4 * (s.at > LOADS[5].start)],
    ids=["forward", "back"],
)
def test_a_clock_that_jumped_is_not_valid(ahead):
    assert "clocks_apart" in codes(Spec(edits=(generator_clock(ahead),)))


def test_pages_that_were_slow_now_and_then_are_no_drift():
    slow = generator_clock(lambda s: 0.8 if round(s.at) % 35 == 0 else 0.0)
    assert codes(Spec(interval=5.0, edits=(slow,))) == set()


def test_one_page_that_stalls_is_no_jump():
    stall = generator_clock(lambda s: 4.0 if MIDDLE < s.at < MIDDLE + 9.0 else 0.0)
    assert codes(Spec(interval=5.0, edits=(stall,))) == set()


def test_a_generator_s_page_that_a_proxy_keeps_is_taken_for_when_it_was_made():
    kept = generator_clock(lambda s: -(s.at % 8.0))
    report = report_of(parse_recording(recording(Spec(interval=2.0, edits=(kept,))).encode(), "r"))
    assert report.measured.clocks.offset == pytest.approx(0, abs=0.5)
    assert report.measured.cells[0].joules("gross").mean == pytest.approx(
        cells(Spec())["fp32"].joules("gross").mean, rel=2e-3
    )


def test_a_sampling_interval_that_is_not_on_record_is_not_none():
    slow = {**SOURCE, "method": "integrated"}
    bare = (without("wattscan_sensor_interval_seconds"),)
    told = cells(Spec(source=slow))["fp32"].joules("gross").bound
    assert cells(Spec(source=slow, edits=bare))["fp32"].joules("gross").bound > told


def test_a_target_s_own_clock_spoils_nothing():
    wrong = changed(PAGE, lambda s: s._replace(value=1e9 - 3 * s.value), target="cpu")
    assert codes(Spec(edits=(wrong,))) == set()
