import json
from collections import Counter
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from loadtest.ledger import RunLedger
from loadtest.plan import Plan, PlannedWindow, round_of
from loadtest.tally import BOUNDS, Tally
from wattscan.profiles import PROFILES
from wattscan.workloads import Workload


def plan(profile="standard", tasks=("nerve-ultrasound",), variants=("fp32", "int8")):
    workload = Workload(profile=profile, seed=7)
    return Plan("r1", "cpu", "host:1", workload, dict.fromkeys(tasks, variants))


def test_variants_alternate_a_b_b_a_b_a_a_b():
    order = ["AB"[w.precision == "int8"] for w in plan().windows]
    assert "".join(order) == "ABBABAABBAAB"


@pytest.mark.parametrize("rounds", range(1, 13))
def test_two_variants_have_the_order_of_thue_and_morse(rounds):
    order = [name for number in range(rounds) for name in round_of("AB", number)]
    assert order == ["AB"[position.bit_count() % 2] for position in range(2 * rounds)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("rounds", [2, 6, 12])
def test_a_linear_drift_weighs_on_all_variants_alike(count, rounds):
    variants = "ABCDE"[:count]
    order = [name for number in range(rounds) for name in round_of(variants, number)]
    places = [sum(i for i, name in enumerate(order) if name == v) for v in variants]
    assert len(set(places)) == 1
    assert set(Counter(order).values()) == {rounds}


def test_each_pair_of_rounds_begins_with_another_variant():
    assert ["".join(round_of("ABC", n)) for n in range(6)] == [
        "ABC",
        "CBA",
        "BCA",
        "ACB",
        "CAB",
        "BAC",
    ]
    assert [round_of("ABCD", n)[0] for n in range(0, 8, 2)] == list("ABCD")


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("variants", [("fp32",), ("fp32", "fp16", "int8", "int8-ptq")])
def test_every_variant_has_its_repeats(profile, variants):
    windows = plan(profile, ("a", "b"), variants).windows
    assert len(set(windows)) == len(windows)
    counts = Counter((w.task, w.precision) for w in windows)
    assert set(counts.values()) == {PROFILES[profile].repeats}
    assert [w.task for w in windows] == sorted(w.task for w in windows)


def test_bucket_bounds_grow_by_at_most_five_percent_as_they_are_printed():
    printed = [float(f"{bound:g}") for bound in BOUNDS]
    growth = [b / a for a, b in pairwise(printed)]
    assert min(growth) > 1 and max(growth) <= 1.05
    assert printed[0] <= 0.0001 and printed[-1] >= 60


@pytest.fixture
def page():
    ledger = RunLedger(plan())
    registry = CollectorRegistry()
    registry.register(ledger)

    def value(name, window, **labels):
        own = {"task": window.task, "precision": window.precision, "repeat": str(window.repeat)}
        return registry.get_sample_value(name, {"run": "r1", "target": "cpu", **own, **labels})

    return ledger, registry, value


def test_a_phase_has_no_end_until_it_ends(page):
    ledger, _, value = page
    window = PlannedWindow("nerve-ultrasound", "fp32", 1)
    begun = ledger.begin(window, "load")
    start, end = (f"wattscan_run_phase_{edge}_timestamp_seconds" for edge in ("start", "end"))
    assert value(start, window, phase="load") == begun
    assert value(end, window, phase="load") is None
    assert ledger.end(window, "load") == value(end, window, phase="load")


def test_queries_are_counted_by_outcome(page):
    ledger, _, value = page
    window = PlannedWindow("nerve-ultrasound", "int8", 1)
    ledger.begin(window, "load")
    assert value("wattscan_client_requests_total", window, outcome="error") == 0
    tally = ledger.tally(window)
    tally.answered(8, 0.02)
    tally.failed("INTERNAL", "no")
    tally.outcomes["dropped"] += 3
    counts = [
        value("wattscan_client_requests_total", window, outcome=o)
        for o in ("ok", "error", "dropped")
    ]
    assert counts == [1, 1, 3]
    assert value("wattscan_client_images_total", window) == 8
    assert value("wattscan_client_latency_seconds_count", window) == 1
    assert value("wattscan_client_latency_seconds_sum", window) == pytest.approx(0.02)


def test_old_histograms_leave_the_page_and_old_counts_stay(page):
    ledger, registry, value = page
    windows = [PlannedWindow("nerve-ultrasound", "fp32", n) for n in range(1, 6)]
    for window in windows:
        ledger.begin(window, "load")
        ledger.tally(window).answered(1, 0.01)
        ledger.end(window, "load")
    latencies = [value("wattscan_client_latency_seconds_count", w) for w in windows]
    assert latencies == [None, None, 1, 1, 1]
    assert all(value("wattscan_client_images_total", w) == 1 for w in windows)
    text = generate_latest(registry)
    assert b"wattscan_run_info" in text
    assert b'protocol="wattscan.v1",rate="20",run="r1"' in text


def test_what_befell_a_window_is_on_the_page(page):
    ledger, _, value = page
    window = PlannedWindow("nerve-ultrasound", "int8", 1)
    ledger.begin(window, "load")
    ledger.tally(window).incidents.update({"worker_lost": 1, "server_lost": 0})
    assert value("wattscan_run_incidents_total", window, kind="worker_lost") == 1
    assert value("wattscan_run_incidents_total", window, kind="server_lost") is None


def test_tallies_are_added_bucket_by_bucket():
    parts, whole = [Tally(0.25), Tally(0.25)], Tally(0.25)
    for seconds in (0.0001, 0.01, 0.2499, 0.25, 0.2501, 3.0, 90.0):
        for tally in (parts[seconds > 0.1], whole):
            tally.answered(2, seconds)
    parts[0].failed("UNAVAILABLE", "gone")
    whole.failed("UNAVAILABLE", "gone")
    added = Tally(0.25)
    for part in parts:
        added.add(json.loads(json.dumps(part.message())))
    assert added.message() == whole.message()
    assert added.buckets() == whole.buckets()
    # Counted, not estimated: the bound has a bucket of its own.
    assert added.beyond(0.25) == 3
    assert dict(added.buckets())["0.25"] == 4 and added.buckets()[-1] == ("+Inf", 7)
