"""Looks for the highest rate whose latency percentile keeps its bound (MLPerf's Server)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.tally import Tally
from wattscan.contracts import WattscanError
from wattscan.early_stopping import keeps, queries_needed
from wattscan.workloads import Workload

PRECISION_RATIO = 0.05
"""How near the highest rate that is kept and the lowest that is not lie at the end."""

_HIGHEST, _LOWEST = 1e5, 0.01
# A trial that has not shown it with so many times the least number of queries does not show it.
_MOST_QUERIES = 5
TRIAL_SECONDS = 600.0
"""The longest that a trial waits for its queries."""
MOST_TRIALS = 24


@dataclass(frozen=True)
class Trial:
    """What one rate came to; `kept` is None where there were too few queries to tell."""

    rate: float
    kept: bool | None
    queries: int
    over: int


Try = Callable[[float, Callable[[Tally], bool]], Tally]
"""Send at a rate until the predicate on what has been counted is true; returns the counts."""


def highest_rate(workload: Workload, attempt: Try, tell: Callable[[Trial], None]) -> float:
    """By doubling and halving from the workload's rate, then bisection; 0 where none is kept.

    Raises: WattscanError: the rate is so low that a trial's time is too short to tell.
    """
    low, high, rate = 0.0, 0.0, workload.rate
    for _ in range(MOST_TRIALS):
        tally = attempt(rate, lambda counted: _decided(workload, counted))
        trial = _judged(workload, rate, tally)
        tell(trial)
        if trial.kept is None:
            if low:
                break
            raise WattscanError(_too_slow(workload, trial))
        if trial.kept:
            low = rate
        else:
            high = rate
        if (low and high and high / low <= 1 + PRECISION_RATIO) or low >= _HIGHEST:
            break
        if high and not low and high <= _LOWEST:
            break
        rate = (low * high) ** 0.5 if low and high else low * 2 or high / 2
    return low


def _over(workload: Workload, tally: Tally) -> tuple[int, int]:
    """Queries, and those that exceed the bound or got no answer."""
    lost = tally.outcomes["error"] + tally.outcomes["dropped"]
    return tally.outcomes["ok"] + lost, tally.beyond(workload.latency_bound) + lost


def _decided(workload: Workload, tally: Tally) -> bool:
    queries, over = _over(workload, tally)
    most = _MOST_QUERIES * queries_needed(0, workload.latency_percentile)
    return queries >= most or keeps(queries, over, workload.latency_percentile) is not None


def _judged(workload: Workload, rate: float, tally: Tally) -> Trial:
    queries, over = _over(workload, tally)
    kept = keeps(queries, over, workload.latency_percentile)
    if kept is None and queries >= queries_needed(0, workload.latency_percentile):
        kept = False  # it was given queries enough, and did not show it
    return Trial(rate, kept, queries, over)


def _too_slow(workload: Workload, trial: Trial) -> str:
    needed = queries_needed(0, workload.latency_percentile)
    return (
        f"at {trial.rate:.3g} queries/s, {TRIAL_SECONDS:.0f} s bring {trial.queries} queries, and "
        f"p{workload.latency_percentile:g} takes {needed} to be judged: give a lower "
        "--latency-percentile"
    )
