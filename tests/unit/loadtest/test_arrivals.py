"""When queries are due."""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.arrivals import arrivals, share_of
from wattscan.contracts import WattscanError
from wattscan.workload_files import load_workload
from wattscan.workloads import Workload

SERVER = Workload(scenario="Server")


def within(due, seconds):
    return list(itertools.takewhile(lambda at: at < seconds, due))


def test_gaps_are_exponential():
    due = within(arrivals(SERVER, 50.0, 10.0, "a seed"), 400.0)
    gaps = [b - a for a, b in itertools.pairwise([0.0, *due])]
    # 20,000 of them: five standard errors.
    assert statistics.mean(gaps) == pytest.approx(1 / 50, rel=5 / math.sqrt(len(gaps)))
    assert statistics.stdev(gaps) == pytest.approx(1 / 50, rel=0.07)
    assert due == within(arrivals(SERVER, 50.0, 10.0, "a seed"), 400.0)
    assert due[:5] != within(arrivals(SERVER, 50.0, 10.0, "another"), 400.0)[:5]


def test_a_days_shape_brings_each_hour_its_part():
    day = load_workload("clinic-day")
    due = within(arrivals(day, 100.0, 240.0, "s"), 240.0)
    assert len(due) == pytest.approx(24_000, rel=5 / math.sqrt(24_000))
    for hour, part in enumerate(day.shape):
        found = sum(10 * hour <= at < 10 * (hour + 1) for at in due)
        assert found == pytest.approx(240 * part, abs=5 * math.sqrt(240 * part))


def test_a_rate_of_nothing_brings_nothing():
    quiet = Workload(scenario="Server", shape=(1.0, 0.0))
    due = within(arrivals(quiet, 20.0, 10.0, "s"), 30.0)
    assert not [at for at in due if 5 < at % 10 < 10] and len(due) > 300


@given(of=st.integers(1, 7), count=st.integers(0, 50))
def test_several_generators_send_all_of_it_together(of, count):
    due = [float(n) for n in range(count)]
    shares = [list(share_of(iter(due), number, of)) for number in range(of)]
    assert sorted(itertools.chain(*shares)) == due
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_schedule_is_sent_as_it_is(tmp_path):
    path = tmp_path / "due.txt"
    path.write_text("0\n0.5\n0.5\n\n2e0\n")
    planned = Workload(scenario="Server", schedule=str(path))
    assert list(arrivals(planned, 20.0, 10.0, "s")) == [0.0, 0.5, 0.5, 2.0]


@pytest.mark.parametrize("text", ["", "1\n0.5\n", "-1\n", "soon\n", "nan\n1\n", "1e300\n"])
def test_a_schedule_that_is_none_is_told(text, tmp_path):
    path = tmp_path / "due.txt"
    path.write_text(text)
    with pytest.raises(WattscanError, match=r"the schedule .*due\.txt"):
        arrivals(Workload(scenario="Server", schedule=str(path)), 20.0, 10.0, "s")
