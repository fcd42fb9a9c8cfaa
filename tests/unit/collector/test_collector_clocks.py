"""Clocks and pages that are late: what a recording shows of them, and what comes of it."""

from typing import Any

import numpy as np
import pytest
from draws import RUN, START, TARGET, VARIANTS, Draw
from made_runs import make
from made_source import Made

from wattscan import metrics
from wattscan.collector.facts import clocks_text
from wattscan.collector.measure import measure
from wattscan.collector.readings import lateness_of, quantum_of
from wattscan.collector.series import Series
from wattscan.units import Seconds

QUIET: dict[str, Any] = {"noise": dict.fromkeys(VARIANTS, 0.0), "flutter": 0.0, "uncertainty": 0.0}


def made(seed=0, **draw):
    return make(Draw(**QUIET, **draw), np.random.default_rng(seed))


def off(source, truth, kind="gross"):
    """How far the figures are off, over their bounds; none is marked."""
    measured = measure(source, None)
    assert [cell.verdict for cell in measured.cells] == ["valid", "valid"]
    figures = {cell.precision: cell.joules(kind) for cell in measured.cells}
    true = getattr(truth, kind)
    return max(abs(figures[v].mean - true[v]) / figures[v].bound for v in VARIANTS)


def both_recorders(source, ahead, first):
    """The same pages as two recorders have them; the clock of one is ahead."""
    pair = Made()
    for name, found in source._series.items():
        pair._series[name] = [
            Series({**s.labels, **added}, s.times + by, s.values)
            for added, by in ((first, 0.0), ({"replica": "b"}, ahead))
            for s in found
        ]
    return pair


@pytest.mark.parametrize("ahead", [0.3, 0.9, -0.9])
@pytest.mark.parametrize("first", [{"replica": "a"}, {}], ids=["named", "without a name"])
def test_of_two_recorders_one_is_read_for_everything(ahead, first):
    source, truth = made(clock=0.4)
    assert off(both_recorders(source, ahead, first), truth) <= 1


@pytest.mark.parametrize("before", [1.0, 3.0, 8.0])
def test_a_step_of_the_clock_in_the_last_pages_of_a_load_is_seen(before):
    source, _ = made(generator_scrape=5.0)
    end = START + 100
    for series in source._series[metrics.RUN_PAGE_TIMESTAMP.name]:
        if "run" in series.labels:
            series.values[:] += 2.0 * (series.times > end - before)
    assert "clocks_apart" in {reason.code for reason in measure(source, None).cells[0].reasons}


def test_a_clock_that_drifts_over_the_run_is_corrected_in_each_window_and_told():
    source, truth = made(clock=1.0, clock_drift=8e-5, profile="formal")
    assert off(source, truth) <= 1
    measured = measure(source, None)
    assert measured.clocks.range == pytest.approx(8e-5 * 6 * 710 * 2, rel=0.15)
    assert "its times are corrected" in clocks_text(measured.clocks)


def test_a_clock_that_was_set_while_the_run_was_interrupted_is_corrected():
    source, truth = made(clock=-2.0)
    # From the sixth cooldown on all comes an hour later, and the clock was set by 0.9 s.
    middle = START + 6 * 120 - 10
    for found in source._series.values():
        for at, s in enumerate(found):
            by_its_clock = "run" in s.labels and s.values[0] > START - 100
            later = 3600.9 * (by_its_clock & (s.values > middle - 3.0))
            found[at] = Series(s.labels, s.times + 3600.0 * (s.times > middle), s.values + later)
    assert measure(source, None).clocks.range == pytest.approx(0.9, abs=0.02)
    assert off(source, truth) <= 1


def test_pages_that_are_late_under_load_are_taken_for_when_they_were_made():
    told, untold = [], []
    for seed in range(4):
        source, truth = made(seed, late=0.38, scrape=0.6)
        told.append(off(source, truth, "net"))
        for series in source.select(metrics.PAGE_TIMESTAMP.name, TARGET, -np.inf, np.inf):
            series.values[:] = series.times  # as if all had been made at once
        untold.append(off(source, truth, "net"))
    assert max(told) <= 1 < max(untold)


def test_pages_that_are_always_late_show_in_the_time_that_scrapes_took():
    source, _ = made(latency=0.0)
    plain = measure(source, None).cells[0].joules("gross")
    pages = source.select(metrics.PAGE_TIMESTAMP.name, TARGET, -np.inf, np.inf)[0]
    labels = {name: TARGET[name] for name in ("job", "instance")}
    # A scrape that failed took next to nothing, and there is no page of it.
    failed = pages.times[0] - 0.5
    took = np.concatenate([[0.0004], np.full(pages.times.shape, 0.5)])
    stamps = np.concatenate([[failed], pages.times])
    source._series[metrics.SCRAPE_DURATION] = [Series(labels, stamps, took)]
    wide = measure(source, None).cells[0].joules("gross")
    # At both edges of a load of 140 W and 1,200 images, 0.25 s.
    assert wide.bound - plain.bound == pytest.approx(2 * 0.25 * 140 / 1200, rel=0.2)


STAMPS = np.arange(0.0, 600.0)


def late(values, took=None):
    return lateness_of(Series({}, STAMPS, STAMPS + values), took, Seconds(120.0)).values


def test_pages_that_are_late_for_a_while_are_seen():
    busy = np.where((STAMPS > 200) & (STAMPS < 260), 0.3, 0.0)
    assert late(busy) == pytest.approx(busy)


def test_no_page_is_later_than_its_scrape_nor_more_than_the_quickest_beside_the_others():
    always = np.full(STAMPS.shape, 0.3)
    took = Series({}, STAMPS, always + 0.02)
    # As if the clock were ahead by that: nothing else tells of it.
    assert late(always, took) == pytest.approx(0.32)
    quick = Series({}, STAMPS, np.where(STAMPS > 200, 0.33, 0.005))
    assert late(always * (STAMPS > 200), quick) == pytest.approx(quick.values)


@pytest.mark.parametrize(
    "clock",
    [
        pytest.param(0.3 * (STAMPS > 300), id="a step"),
        pytest.param(-0.3 * (STAMPS > 300), id="a step back"),
        pytest.param(1e9 - 4 * STAMPS, id="one that runs backwards"),
        pytest.param(3600.0 * (STAMPS % 100 > 50), id="hours to and fro"),
        pytest.param(1e-4 * STAMPS, id="a drift"),
    ],
)
def test_a_target_s_clock_is_no_lateness(clock):
    assert late(clock).max() <= 0.013


@pytest.mark.parametrize(("watts", "quantum"), [(140.0, 36.0), (9.0, 3600.0), (150.0, 100.0)])
def test_a_counter_that_counts_in_steps_is_seen(watts, quantum):
    times = np.arange(0.0, 3600.0) + np.random.default_rng(1).uniform(0, 0.1, 3600)
    counted = np.floor(times * watts / quantum) * quantum
    assert quantum_of(Series({}, times, counted)) == pytest.approx(quantum)
    # As a calibration shows it: a gain, and an offset in watts.
    corrected = 1.0234567 * counted + 0.4 * times
    assert quantum_of(Series({}, times, corrected)) == pytest.approx(1.0234567 * quantum, rel=0.02)


def test_a_counter_that_does_not_is_not():
    times = np.arange(0.0, 600.0)
    steady = np.concatenate([[0.0], np.cumsum(np.where(times[:-1] % 120 < 60, 40.0, 140.0))])
    assert quantum_of(Series({}, times, steady)) == 0
    noisy = np.cumsum(np.random.default_rng(0).normal(140.0, 5.0, times.size))
    assert quantum_of(Series({}, times, noisy)) == 0
    assert quantum_of(Series({}, times[:1], steady[:1])) == 0


def test_cooldowns_of_every_part_of_a_run_are_counted():
    """The page of a resumed run's generator counts from 0 again."""
    source, _ = made()
    counts = [0.0, 1.0, 2.0, 0.0, 0.0, 1.0]
    source.add(metrics.RUN_COOLDOWNS_UNWATCHED, RUN, START + np.arange(6.0), counts)
    (reason,) = measure(source, None).cells[0].reasons
    assert reason.code == "cooldown_unwatched"
    assert reason.sentence.startswith("3 cooldowns")
