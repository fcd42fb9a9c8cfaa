"""Verdicts: each fault that is planted gives its reason, and no other one does."""

import pytest
from edits import changed, valued, without
from planted_faults import FOLLOWS, PLANTED, bounded
from run_labels import LOADGEN, MODELLED, SOURCE
from synthetic import Spec, recording, spans
from verdict_rig import COVERED, ENERGY, FIRST, MIDDLE, also, cells, codes

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.verdict import NET_RULES, RULES
from wattscan.contracts import WattscanError


@pytest.mark.parametrize("bound", [0.05, 0.06])
def test_a_latency_bound_that_is_kept_is_no_reason(bound):
    assert codes(Spec(workload=bounded(bound))) == set()


def test_a_bound_that_is_no_bucket_shows_nothing():
    told = {"latency_bound": "0.0512345", "latency_percentile": "99"}
    assert codes(Spec(workload=told)) == {"latency_bound_not_shown"}


def test_two_workloads_of_one_run_are_told():
    both = Spec(
        workload={"protocol": "oip", "batch": "1"},
        more=(also("wattscan_run_workload_info", instance="driver:8004", batch="8"),),
    )
    with pytest.raises(WattscanError, match="more than one workload, which differ in batch; two"):
        codes(both)


def test_no_fault_no_reason():
    for cell in cells(Spec()).values():
        assert cell.verdict == "valid"
        assert cell.reasons == ()


@pytest.mark.parametrize("code", sorted(PLANTED))
def test_a_planted_fault_gives_its_reason(code):
    found = codes(PLANTED[code])
    assert code in found
    assert found - {code} <= FOLLOWS.get(code, set())


def test_a_source_that_took_over_is_named():
    (reason,) = cells(PLANTED["sensor_changed"])["fp32"].reasons
    assert "rapl package-0 counter, then from rapl psys counter" in reason.sentence


def test_int8_quality_belongs_to_int8():
    spec = Spec(quality={"fp32": 0.9, "int8": 0.88})
    assert codes(spec, "int8") == {"int8_quality_below_99_percent"}
    assert codes(spec, "fp32") == set()


@pytest.mark.parametrize("instance", ["edge-box:9", "EDGE-BOX:8003", "edge-box"])
def test_generator_on_device(instance):
    def moved(sample):
        same = sample.labels["instance"] == LOADGEN["instance"]
        labels = {**sample.labels, "instance": instance}
        return sample._replace(labels=labels) if same else sample

    assert codes(Spec(edits=(moved,))) == {"generator_on_device"}
    assert codes(Spec(edits=(moved,), source=MODELLED)) == {"modelled_power"}


def test_every_reason_is_tried():
    elsewhere = {
        "int8_quality_below_99_percent",
        "int8_computed_in_fp32",
        "quality_below_99_percent",
        "fp16_computed_in_fp32",
        "generator_on_device",
        "net_not_resolved",
        "agreement_only",
        "agreement_far_off",
        "agreement_far_off_on_drawn",
    }
    assert set(PLANTED) | elsewhere == {rule.code for rule in (*RULES, *NET_RULES)}


def test_verdicts():
    assert cells(PLANTED["modelled_power"])["fp32"].verdict == "indicative"
    assert cells(PLANTED["throttled"])["fp32"].verdict == "invalid"
    assert cells(PLANTED["throttled"])["int8"].verdict == "valid"


def test_a_recording_without_an_end_is_incomplete_in_its_last_task():
    spec = Spec(profile="quick", tasks=("brain-mri", "chest-xray"), end=False)
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    found = {
        (cell.task, cell.precision): "incomplete_run" in {r.code for r in cell.reasons}
        for cell in report.measured.cells
    }
    assert found == {
        ("brain-mri", "fp32"): False,
        ("brain-mri", "int8"): False,
        ("chest-xray", "fp32"): True,
        ("chest-xray", "int8"): True,
    }


@pytest.mark.parametrize("share", [0.12, 0.5, 0.93])
def test_a_truncated_recording_is_read_and_judged(share):
    whole = recording(Spec()).encode()
    report = report_of(parse_recording(whole[: int(len(whole) * share)], "r"))
    assert report.measured.cells
    assert all("incomplete_run" in {r.code for r in c.reasons} for c in report.measured.cells)


def test_a_ratio_is_worth_no_more_than_its_worse_cell():
    report = report_of(parse_recording(recording(PLANTED["throttled"]).encode(), "r"))
    int8 = report.tables[0].rows[1].values
    assert int8["verdict"] == "valid"
    assert str(int8["ratio"]).endswith(", invalid")


def test_a_gap_at_an_edge_and_one_within():
    at_edge = without(ENERGY, FIRST.end - 20, FIRST.end + 20)
    assert "sensor_down_at_edge" in codes(Spec(edits=(at_edge,)))
    within = without(ENERGY, MIDDLE - 15, MIDDLE + 15)
    assert codes(Spec(edits=(within,))) == set()  # the counter itself went on


def test_coverage_of_the_idle_phase_counts():
    idle = next(span for span in spans(Spec()) if span.phase == "idle")
    gap = changed(COVERED, lambda s: s._replace(value=s.value - 1.0), idle.end)
    assert codes(Spec(edits=(gap,))) == {"coverage_below_98_percent"}
    assert codes(Spec(edits=(without(COVERED),))) == {"coverage_below_98_percent"}


def test_a_little_too_much_coverage_shows_over_the_whole_run():
    def more(share):
        edit = changed(COVERED, lambda sample: sample._replace(value=share * sample.value))
        return codes(Spec(edits=(edit,)))

    assert more(1.015) == set()
    assert more(1.04) == {"coverage_above_100_percent"}


def test_a_run_of_two_profiles_is_refused():
    with pytest.raises(WattscanError, match="more than one profile"):
        codes(Spec(more=(also("wattscan_run_info", profile="formal"),)))


def test_all_reasons_that_hold_are_given():
    spec = Spec(
        profile="quick",
        source=MODELLED,
        edits=(without("wattscan_temperature_celsius"), valued("wattscan_throttled", 1.0)),
    )
    assert codes(spec) == {
        "profile_quick",
        "modelled_power",
        "temperature_not_measured",
        "throttled",
    }
    assert SOURCE["method"] == "counter"
