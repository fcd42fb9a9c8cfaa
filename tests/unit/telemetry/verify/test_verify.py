"""How readings are held against each other, and what is told of it."""

import datetime

import pytest

from wattscan.telemetry.verify import page, results
from wattscan.telemetry.verify.polling import Poll, Track
from wattscan.telemetry.verify.results import LoadStep, Result, Totals, VerifiedSource
from wattscan.units import Joules, Seconds

COUNTER = VerifiedSource("meter", "gpu0", "board", True, 0.05, Seconds(0.1), is_device=True)
GAUGE = VerifiedSource("gauge", "gpu0", "board", False, 0.01, Seconds(0.1))


def steps(counter, gauge):
    levels = [n / (len(counter) - 1) for n in range(len(counter))]
    pairs = zip(levels, counter, gauge, strict=True)
    return [LoadStep(level, {COUNTER.name: c, GAUGE.name: g}) for level, c, g in pairs]


def test_a_new_time_with_the_same_figure_is_a_move():
    track = Track()
    for now, stamp in enumerate((1, 1, 2, 2, 3)):
        track.add(now, 50.0, stamp)
    assert (track.moves, track.period, track.resolution) == (2, 2, None)


def test_a_driver_that_gives_each_read_a_new_time_is_told_by_its_figure():
    track = Track()
    for now in range(20):
        track.add(now, 50.0 + now // 4, now)
    assert (track.moves, track.period, track.resolution) == (4, 4, 1)


@pytest.mark.parametrize(
    "times, verdict",
    [
        ([0.0, 0.1, 0.2, 0.3], "agrees"),
        ([0.0, 0.5, 1.0, 1.5], "differs"),
        ([0.0, 0.1], "not measurable here"),
        ([], "not measurable here"),
    ],
)
def test_a_period_is_held_against_the_drivers_statement(times, verdict):
    track = Track(list(times), [0.1] * len(times))
    watched = Poll(
        Seconds(2.0), 100, 0, Seconds(1e-5), Seconds(1e-5), Seconds(0.001), {"gpu0": track}
    )
    assert results.renewal(COUNTER, watched, track).verdict == verdict


@pytest.mark.parametrize(
    "counter, gauge, ratio, verdict",
    [
        ([10, 20, 30], [10, 20, 30.9], 30 / 30.9, "agrees"),
        ([10, 20, 30], [12, 24, 36], 10 / 12, "differs"),
    ],
)
def test_a_counter_is_held_against_its_power_at_each_load(counter, gauge, ratio, verdict):
    found = results.counter_over_power(COUNTER, GAUGE, steps(counter, gauge))
    assert found.figures["100%"] == pytest.approx(ratio)
    assert found.verdict == verdict
    assert "allowed is 5.0%" in found.why


@pytest.mark.parametrize(
    "gauge, verdict, why",
    [
        ([10.1, 20.1, 30.1], "agrees", "at worst"),
        ([12, 24, 36], "differs", "at worst"),
        ([15, 25, 35], "differs", "-16.7% at worst"),
        ([30, 20, 10], "differs", "falls while the meter rises"),
        ([20, 20, 20], "not measurable here", "less than 10%"),
    ],
)
def test_sources_are_fitted_against_each_other(gauge, verdict, why):
    found = results.against(GAUGE, COUNTER, steps([10, 20, 30], gauge))
    assert (found.verdict, why in found.why) == (verdict, True), found


def test_a_fit_needs_three_steps():
    found = results.against(GAUGE, COUNTER, steps([10, 30], [10, 30]))
    assert found.verdict == "not measurable here" and "3 are needed" in found.why


@pytest.mark.parametrize(
    "powers, verdict",
    [
        ([10, 20, 30], "agrees"),
        ([10, 30, 20], "differs"),
        ([20, 20, 20.1], "not measurable here"),
    ],
)
def test_a_power_follows_the_load(powers, verdict):
    assert results.follows(COUNTER, steps(powers, powers)).verdict == verdict


def test_a_source_that_falls_silent_in_a_step_is_not_judged():
    silent = [*steps([10, 20], [10, 20]), LoadStep(1.0, {})]
    found = results.follows(COUNTER, silent)
    assert found.verdict == "not measurable here" and "silent" in found.why


@pytest.mark.parametrize(
    "shown, loaded, verdict",
    [
        (51.0, True, "agrees"),
        (60.0, True, "differs"),
        (60.0, False, "not measurable here"),
        (None, True, "not measurable here"),
    ],
)
def test_a_burst_has_an_error(shown, loaded, verdict):
    powers = {COUNTER.name: 50.0} | ({} if shown is None else {GAUGE.name: shown})
    found = results.burst(COUNTER, GAUGE, Seconds(0.2), LoadStep(0.5, powers), loaded)
    assert found.verdict == verdict
    if shown is not None:
        assert found.figures["error [%]"] == pytest.approx(100 * (shown / 50 - 1))


@pytest.mark.parametrize(
    "totals, verdict",
    [
        ((100.0, 70.0, 5.0, 25.0), "agrees"),
        ((100.0, 70.0, 0.0, 25.0), "differs"),
        ((0.0, 0.0, 0.0, 0.0), "not measurable here"),
    ],
)
def test_no_energy_of_requests_is_lost(totals, verdict):
    assert results.requests("meter gpu0", Totals(*totals), last=Joules(2.0)).verdict == verdict


def test_sampling_may_take_a_hundredth_of_a_processor():
    assert results.cost("meter", Seconds(0.1), 0.004).verdict == "agrees"
    assert results.cost("meter", Seconds(0.1), 0.04).verdict == "differs"


def report(*found):
    return page.VerifyReport(
        target="nvidia",
        title="NVIDIA GPU",
        date=datetime.date(2026, 11, 28),
        command="wattscan sensors verify --target nvidia",
        machine={"processor": "Some CPU", "driver": "none"},
        devices={"gpu0": "GPU | <b>", "driver": "NVIDIA 1.2.3"},
        conditions={"load": "all processors"},
        absent={"other": "not here"},
        sections=[page.Section("Bursts", "On and off.", found)],
    )


def test_the_page_says_what_differs_and_how_to_send_it_in():
    good = Result("meter gpu0", {"error [%]": 1.25}, "agrees", "+1.2% at worst")
    bad = Result("gauge gpu0", {"error [%]": None, "other": 2.0}, "differs", "+20.0% at worst")
    text = page.markdown(report(good, bad))
    assert "Of 2 checks, 1 agree, 1 differ, and 0 could not be made here" in text
    assert "What differs: bursts, gauge gpu0 (+20.0% at worst)." in text
    assert "| meter gpu0 | 1.25 |  | agrees | +1.2% at worst |" in text
    assert "| gauge gpu0 |  | 2 | differs | +20.0% at worst |" in text
    assert text.startswith("# GPU \\| &lt;b>: target nvidia, 2026-11-28\n")
    assert "| driver | NVIDIA 1.2.3 |" in text and "| driver | none |" not in text
    assert "| other | not here |" in text
    assert "pull request" in text and text.endswith("\n")


def test_a_page_on_which_nothing_differs_says_so():
    text = page.summary(report(Result("meter gpu0", {}, "agrees", "fine")))
    assert text.endswith("Nothing differs.")
