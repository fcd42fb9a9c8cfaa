"""How many queries it takes to show that a latency percentile keeps a bound.

MLPerf Inference's rule ("Early Stopping" in its rules, and LoadGen's `early_stopping.cc`): with a
confidence of 99 %, at least the percentile's share of all queries keep the bound. A share of
failures of 1 - percentile or more would show so few of them with a probability of at most 1 %.
"""

from __future__ import annotations

from functools import cache

CONFIDENCE = 0.99


@cache
def queries_needed(over: int, percentile: float) -> int:
    """The least number of queries that shows it, `over` of which exceed the bound.

    Args:
        percentile: in percent, such as 99.
    """
    low, high = over + 1, over + 2
    while _chance(over, high, percentile) > 1 - CONFIDENCE:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if _chance(over, middle, percentile) > 1 - CONFIDENCE:
            low = middle + 1
        else:
            high = middle
    return low


def keeps(queries: int, over: int, percentile: float) -> bool | None:
    """Whether the percentile keeps its bound; None: too few queries to tell.

    Args:
        queries: all of them.
        over: those that exceed the bound, or got no answer.
    """
    if over < queries and queries >= queries_needed(over, percentile):
        return True
    return False if _chance_of_more(over, queries, percentile) <= 1 - CONFIDENCE else None


def _chance(over: int, queries: int, percentile: float) -> float:
    """Of at most so many over the bound, where 1 - percentile of all queries are."""
    from scipy.special import bdtr

    return float(bdtr(over, queries, 1 - percentile / 100))


def _chance_of_more(over: int, queries: int, percentile: float) -> float:
    """Of at least so many."""
    from scipy.special import bdtrc

    return float(bdtrc(over - 1, queries, 1 - percentile / 100)) if over > 0 else 1.0
