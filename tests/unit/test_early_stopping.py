"""MLPerf's rule for how many queries a percentile takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.early_stopping import keeps, queries_needed


@pytest.mark.parametrize(
    ("over", "percentile", "queries"),
    # What LoadGen's early stopping prints: 64 and 662 with one query over the bound.
    [(0, 90, 44), (1, 90, 64), (0, 99, 459), (1, 99, 662)],
)
def test_the_numbers_of_the_rule(over, percentile, queries):
    assert queries_needed(over, percentile) == queries


@given(over=st.integers(0, 200), percentile=st.sampled_from([50, 90, 97, 99, 99.9]))
def test_it_is_the_least_number_that_shows_it(stats, over, percentile):
    needed = queries_needed(over, percentile)
    assert stats.binom.cdf(over, needed, 1 - percentile / 100) <= 0.01
    assert stats.binom.cdf(over, needed - 1, 1 - percentile / 100) > 0.01


@pytest.mark.parametrize(
    ("queries", "over", "kept"),
    [
        (0, 0, None), (458, 0, None), (459, 0, True), (1000, 10, None), (1000, 30, False),
        (3, 3, False), (1, 1, False), (5000, 20, True),
    ],
)  # fmt: skip
def test_kept_missed_and_not_shown(queries, over, kept):
    assert keeps(queries, over, 99) is kept
