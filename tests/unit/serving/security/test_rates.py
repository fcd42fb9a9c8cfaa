"""So many requests a second, whoever asks and however they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.serving.errors import RateExceeded
from wattscan.serving.security import rates
from wattscan.serving.security.rates import RateLimit


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def admitted(limit, client="ward"):
    try:
        limit.check(client)
    except RateExceeded:
        return False
    return True


def test_a_second_s_worth_at_once_and_then_the_rate():
    clock = Clock()
    limit = RateLimit(5.0, clock)
    assert [admitted(limit) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.now = 0.2
    assert [admitted(limit) for _ in range(2)] == [True, False]
    clock.now = 100.0  # a long rest is worth no more than a second
    assert sum(admitted(limit) for _ in range(20)) == 5


def test_clients_do_not_share():
    limit = RateLimit(1.0, Clock())
    assert admitted(limit, "one")
    assert not admitted(limit, "one")
    assert admitted(limit, "other")


@given(
    rate=st.floats(0.01, 1000.0),
    pauses=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate(rate, pauses):
    clock = Clock()
    limit = RateLimit(rate, clock)
    burst = max(1.0, rate)
    let_in = []
    for pause in pauses:
        clock.now += pause
        if admitted(limit):
            let_in.append(clock.now)
    # In any interval, not only from the start.
    for place, first in enumerate(let_in):
        for count, last in enumerate(let_in[place:], 1):
            assert count <= burst + rate * (last - first) + 1e-6 * count


@given(rate=st.floats(0.01, 500.0), used=st.floats(0, 5))
def test_the_hint_is_when_the_next_one_is_let_in(rate, used):
    clock = Clock()
    limit = RateLimit(rate, clock)
    clock.now = used
    while admitted(limit):
        pass
    with pytest.raises(RateExceeded) as raised:
        limit.check("ward")
    refusal, hint = raised.value, raised.value.retry_after
    assert hint == pytest.approx(round(hint * 1000) / 1000)  # whole milliseconds, as gRPC sends
    assert 0.001 <= hint <= 1 / rate + 0.0011
    assert f"{hint:g} s" in str(refusal)
    clock.now = used + round(hint * 1000) / 1000
    assert admitted(limit)


def test_refused_attempts_cost_nothing():
    clock = Clock()
    limit = RateLimit(1.0, clock)
    assert admitted(limit)
    for step in range(1, 10):
        clock.now = step / 10
        assert not admitted(limit)
    clock.now = 1.0
    assert admitted(limit)


def test_strangers_do_not_grow_the_table_or_push_out_who_calls(monkeypatch):
    monkeypatch.setattr(rates, "_CLIENTS", 50)
    limit = RateLimit(2.0, Clock())
    assert admitted(limit, "ward")
    for number in range(1000):
        assert admitted(limit, f"stranger {number}")
        if number % 10 == 0:
            # Refusals keep a place in the table, else strangers could be used to reset a client.
            admitted(limit, "ward")
    assert len(limit._buckets) == 50
    assert not admitted(limit, "ward")


def test_a_clock_that_stands_still_lets_no_more_in():
    limit = RateLimit(0.5, Clock())
    assert [admitted(limit) for _ in range(3)] == [True, False, False]
