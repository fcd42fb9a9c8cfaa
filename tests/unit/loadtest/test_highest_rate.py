"""The search for the highest rate, against a service whose limit is known."""

import pytest

from loadtest.rates import PRECISION_RATIO, highest_rate
from loadtest.tally import Tally
from wattscan.contracts import WattscanError
from wattscan.workloads import Workload

WORKLOAD = Workload(
    scenario="Server", latency_bound=0.1, latency_percentile=99.0, find_rate=True, rate=20.0
)


def service(limit, share_over=0.0, drops=False):
    """Keeps the bound up to a rate; beyond it, every second query takes too long."""
    sent = []

    def attempt(rate, decided):
        tally = Tally(0.1)
        number = 0
        while not decided(tally):
            number += 1
            slow = number % 2 if rate > limit else number * share_over % 1 < share_over
            if slow and drops:
                tally.outcomes["dropped"] += 1
            else:
                tally.answered(1, 0.2 if slow else 0.05)
        sent.append((rate, number))
        return tally

    return attempt, sent


@pytest.mark.parametrize("limit", [0.7, 19.0, 21.0, 333.0])
@pytest.mark.parametrize("drops", [False, True])
def test_the_limit_is_found(limit, drops):
    told = []
    attempt, sent = service(limit, drops=drops)
    found = highest_rate(WORKLOAD, attempt, told.append)
    assert limit / (1 + PRECISION_RATIO) <= found <= limit
    assert [trial.rate for trial in told] == [rate for rate, _ in sent]
    # What is kept takes as many queries as MLPerf's rule asks for.
    assert all(trial.queries >= 459 for trial in told if trial.kept)


def test_a_few_slow_ones_take_more_queries():
    attempt, _ = service(50.0, share_over=0.004)
    told = []
    assert highest_rate(WORKLOAD, attempt, told.append) > 45
    assert {trial.over for trial in told if trial.kept} != {0}


def test_where_no_rate_is_kept_there_is_none():
    attempt, _ = service(0.0)
    assert highest_rate(WORKLOAD, attempt, lambda _: None) == 0


def test_a_share_that_never_shows_it_ends_the_trial():
    attempt, sent = service(1e9, share_over=0.01)
    assert highest_rate(WORKLOAD, attempt, lambda _: None) == 0
    assert max(queries for _, queries in sent) <= 5 * 459


def test_a_rate_too_low_to_be_judged_is_told():
    def attempt(rate, decided):
        tally = Tally(0.1)
        for _ in range(30):  # all that the time of a trial brings
            tally.answered(1, 0.05)
        return tally

    told = []
    with pytest.raises(WattscanError, match=r"at 20 queries/s, 600 s bring 30 queries, and p99 "):
        highest_rate(WORKLOAD, attempt, told.append)
    assert [trial.kept for trial in told] == [None]
