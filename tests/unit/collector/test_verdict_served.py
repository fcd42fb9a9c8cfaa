"""Verdicts: what the server served, beside what was sent."""

from typing import Any

import pytest
from edits import changed, valued, without
from synthetic import Spec, images, spans
from verdict_rig import (
    ENERGY,
    FIRST,
    IDLE,
    LOADS,
    MIDDLE,
    REQUESTS,
    cells,
    codes,
    counted_more,
    relabelled,
)

from wattscan import metrics


@pytest.mark.parametrize("interval", [1.0, 5.0, 15.0])
@pytest.mark.parametrize("profile", ["standard", "quick"])
def test_a_server_that_served_what_was_sent_contradicts_nothing(interval, profile):
    spec = Spec(served=True, interval=interval, profile=profile)
    assert codes(spec) <= {"profile_quick"} and codes(spec, "int8") <= {"profile_quick"}


def test_a_client_of_another_model_is_another_client():
    def other(sample):
        if sample.name == REQUESTS and sample.labels["precision"] == "fp32":
            count = max(0.0, min(sample.at, FIRST.end) - FIRST.start)
            labels = {**sample.labels, "task": "liver-ct"}
            yield sample._replace(labels=labels, value=float(round(10 * count)))

    found = cells(Spec(served=True, more=(other,)))["fp32"]
    (reason,) = found.reasons
    assert reason.code == "other_client" and "in repeat 1" in reason.sentence


def test_a_burst_of_a_new_client_between_two_pages_is_seen():
    def burst(sample):
        if sample.name == REQUESTS and sample.labels["precision"] == "fp32" and sample.at > MIDDLE:
            yield sample._replace(labels={**sample.labels, "task": "liver-ct"}, value=900.0)

    found = cells(Spec(served=True, more=(burst,)))["fp32"]
    assert [reason.code for reason in found.reasons] == ["other_client"]
    assert "900 requests more" in found.reasons[0].sentence


@pytest.mark.parametrize(("seconds", "proven"), [(0.4, set()), (0.0, {"other_client"})])
def test_a_page_that_is_read_after_its_stamp_proves_nothing_of_that_moment(seconds, proven):
    edges = [s.start for s in spans(Spec()) if s.phase == "load"]

    def read_late(sample):
        return sample._replace(value=sample.value + 30.0) if sample.at in edges else sample

    def took(sample):
        if sample.name == REQUESTS:
            labels = {key: sample.labels[key] for key in ("job", "instance")}
            name = metrics.SCRAPE_DURATION
            yield sample._replace(name=name, labels=labels, value=seconds)

    spec = Spec(served=True, interval=1.0, edits=(changed(REQUESTS, read_late),), more=(took,))
    assert codes(spec) == proven == codes(spec, "int8")


def test_answers_that_are_counted_a_moment_late_prove_nothing():
    def late(sample):
        """16 in flight: the last of the warm-up and of the load are counted 0.2 s later."""
        ends = [s.end for s in spans(Spec()) if s.phase in ("warmup", "load")]
        return sample._replace(value=sample.value - 16.0) if sample.at in ends else sample

    offline = relabelled("wattscan_run_info", scenario="Offline")
    spec = Spec(served=True, interval=1.0, edits=(changed(REQUESTS, late), offline))
    assert codes(spec) == set() == codes(spec, "int8")


def test_requests_in_the_idle_phase():
    spec = Spec(served=True, edits=(counted_more(50, IDLE.start, IDLE.end),))
    assert codes(spec) == {"idle_not_idle"}


def test_a_server_that_served_less_than_was_sent():
    spec = Spec(served=True, edits=(counted_more(-700, FIRST.start, FIRST.end),))
    found = cells(spec)["fp32"]
    assert "fewer than the generator sent" in " ".join(r.sentence for r in found.reasons)


def test_a_service_started_anew_whose_first_request_is_of_the_load():
    """Its counter is not on the pages before; what the last service counted is not its start."""
    spec = Spec(served=True)
    load = next(s for s in LOADS if (s.precision, s.repeat) == (FIRST.precision, 2))
    mine = [s for s in spans(spec) if s.precision == load.precision and s.end <= load.start]
    before = sum(images(spec, s) for s in mine if s.phase in ("warmup", "load"))

    def anew(sample):
        return sample._replace(value=sample.value - round(before))

    whose: dict[str, Any] = {"precision": load.precision}
    edits = (
        valued(REQUESTS, 100.0, FIRST.end + 5, load.start - 60, **whose),
        without(REQUESTS, load.start - 60, load.start, **whose),
        changed(REQUESTS, anew, load.start, **whose),
    )
    assert codes(Spec(served=True, edits=edits)) == set()


def test_one_idle_phase_that_differs_from_the_others():
    def edit(sample):
        extra = 6.0 * max(0.0, min(sample.at, IDLE.end) - IDLE.start)
        return sample._replace(value=sample.value + extra)

    spec = Spec(edits=(changed(ENERGY, edit), without("wattscan_power_watts")))
    assert codes(spec) == {"idle_not_idle"} and codes(spec, "int8") == set()
