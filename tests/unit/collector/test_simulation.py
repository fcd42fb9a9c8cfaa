"""Intervals hold the truth, and runs that nothing is wrong with are valid: a small `make simulate`.

The draws are fixed, so the counts are; the bounds leave what the number of runs leaves.
"""

import numpy as np
import pytest
from draws import Draw, anything, faultless
from made_runs import make
from simulation import simulate, simulate_pairs

from wattscan.collector.measure import measure

pytestmark = pytest.mark.slow

RUNS = 60


def least(tally, figure):
    """93.5 %, less three standard errors; a run's two cells share the error of its sensor."""
    return 0.935 - 3 * (0.935 * 0.065 / (tally.tried[figure] / 2)) ** 0.5


def test_printed_intervals_hold_the_truth():
    tally = simulate(anything, 2 * RUNS, seed=7)
    assert tally.tried["gross"] >= 20
    assert all(tally.share(figure) >= least(tally, figure) for figure in tally.tried)


def test_a_run_that_nothing_is_wrong_with_is_valid_and_its_intervals_hold_the_truth():
    tally = simulate(faultless, RUNS, seed=7)
    assert tally.valid_share >= 0.9
    assert all(tally.share(figure) >= least(tally, figure) for figure in tally.tried)


def test_the_ratio_of_two_runs_holds_the_truth_and_raises_no_false_alarm():
    tally = simulate_pairs(faultless, RUNS // 2, seed=7)
    assert len(tally.tried) == 4
    assert all(tally.share(figure) >= least(tally, figure) for figure in tally.tried)
    assert tally.false_alarms == 0


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(Draw(scrape=5.0), id="scrapes of 5 s"),
        pytest.param(Draw(scrape=15.0), id="scrapes of 15 s"),
        pytest.param(Draw(scrape=30.0, profile="formal"), id="formal, scrapes of 30 s"),
        pytest.param(Draw(reading=8.0), id="a reading each 8 s"),
        pytest.param(Draw(reading=20.0), id="a reading each 20 s"),
        pytest.param(Draw(method="integrated", reading=2.0), id="power sampled each 2 s"),
        pytest.param(
            Draw(method="integrated", reading=1.0, renewal=10.0, profile="formal", warmup=0.6),
            id="power renewed each 10 s",
        ),
        pytest.param(
            Draw(method="integrated", renewal=4.0, scrape=0.5, warmup=0.6),
            id="power renewed each 4 s",
        ),
        pytest.param(Draw(renewal=5.0, reading=1.0), id="a figure renewed each 5 s"),
        pytest.param(Draw(ages=False), id="no ages"),
        pytest.param(Draw(pages=False, clock=-3.0), id="a clock that nothing tells of"),
        pytest.param(Draw(clock=40.0), id="a known offset"),
        pytest.param(Draw(clock_drift=2e-4), id="a drift"),
        pytest.param(Draw(gaps=4), id="gaps"),
        pytest.param(Draw(late=0.3), id="pages late under load"),
        pytest.param(Draw(quantum=36.0), id="a counter in steps of 36 J"),
        pytest.param(Draw(quantum=360.0), id="a counter in steps of 360 J"),
        pytest.param(Draw(quantum=3600.0, profile="formal"), id="formal, steps of 1 Wh"),
        pytest.param(Draw(losses=6), id="a sensor that is lost at edges"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_valid_figure_is_off_by_more_than_its_bound(draw, seed):
    """Without noise, and with a sensor that errs by nothing, only the bound is left."""
    rng = np.random.default_rng(seed)
    quiet = {"noise": {"fp32": 0.0, "int8": 0.0}, "flutter": 0.0, "uncertainty": 0.0}
    source, truth = make(Draw(**{**vars(draw), **quiet}), rng)
    for cell in measure(source, None).cells:
        for kind in ("gross", "net"):
            figure = cell.joules(kind)
            verdict = cell.verdict if kind == "gross" else cell.net_verdict
            off = abs(figure.mean - getattr(truth, kind)[cell.precision])
            assert verdict == "invalid" or off <= figure.bound * 1.001 + 1e-9
