"""Verdicts: what of the machine a figure covers, and which engines computed."""

import socket

import pytest
from edits import changed
from run_labels import LOADGEN, SOURCE
from synthetic import Spec, recording
from verdict_rig import (
    ENERGY,
    MIDDLE,
    MODEL,
    PHASE_END,
    RUN_STARTS,
    cells,
    codes,
    packages,
    relabelled,
    sparse,
    tell,
)

from wattscan.collector.hosts import same_host
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of


def elsewhere_counted(sample):
    """Another cluster's copy of the energy series, of another machine."""
    if sample.name == ENERGY:
        labels = {**sample.labels, "cluster": "b"}
        yield sample._replace(labels=labels, value=2 * sample.value + 5000.0)


def test_net_has_a_verdict_of_its_own():
    spec = Spec(interval=1.0, edits=(sparse(5.0),))
    cell = cells(spec)["fp32"]
    assert cell.verdict == "valid" and cell.net_verdict == "indicative"
    assert [reason.code for reason in cell.net_reasons] == ["net_not_resolved"]
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    assert report.tables[0].rows[0].text("net").endswith("not resolved")
    assert "net_not_resolved" in report.tables[0].rows[0].text("reasons")


@pytest.mark.parametrize("label", ["cluster", "job", "replica"])
def test_series_of_two_devices_under_one_name_are_seen(label):
    def more(sample):
        for each in elsewhere_counted(sample):
            yield each._replace(labels={**sample.labels, label: "b"})

    reason = cells(Spec(more=(more,)))["fp32"].reasons[0]
    assert reason.code == "energy_series_differ" and label in reason.sentence


def test_one_page_that_two_jobs_scrape_is_one():
    def twice(sample):
        if sample.labels["instance"] != LOADGEN["instance"]:
            yield sample._replace(labels={**sample.labels, "job": "again"})

    spec = Spec(served=True, more=(twice,))
    assert codes(spec) == set() == codes(spec, "int8")


def test_a_label_that_changes_in_the_run_is_no_gap():
    def racked(sample):
        if sample.labels["instance"] == LOADGEN["instance"]:
            return sample
        return sample._replace(labels={**sample.labels, "rack": "a" if sample.at < MIDDLE else "b"})

    spec = Spec(served=True, edits=(racked,))
    assert codes(spec) == set() == codes(spec, "int8")


def test_packages_that_mirror_one_counter_are_one():
    assert codes(Spec(more=(packages(1.0),))) == set()


@pytest.mark.parametrize(
    ("source", "provider", "held"),
    [
        ({"sensor": "nvml", "domain": "gpu0", "scope": "board"}, "CUDA", True),
        ({"sensor": "nvml", "domain": "gpu0", "scope": "board"}, "CPU", False),
        ({"sensor": "rapl", "domain": "package-0", "scope": "chip"}, "CUDA", False),
        ({"sensor": "rapl", "domain": "psys", "scope": "system"}, "CUDA", True),
        ({"sensor": "shelly", "domain": "inlet", "scope": "system"}, "CUDA", True),
        ({"sensor": "ioreport", "domain": "package", "scope": "chip"}, "CoreML", True),
    ],
)
def test_a_model_s_device_must_be_in_the_table_s_domain(source, provider, held):
    engine = relabelled(MODEL, provider=f"{provider}ExecutionProvider")
    found = codes(Spec(source={**source, "method": "counter"}, edits=(engine,)))
    assert found == (set() if held else {"device_not_covered"})


def test_another_service_of_the_same_host_is_a_second_run_where_one_sensor_sees_both():
    def other(domain):
        def more(sample):
            if sample.name in ("wattscan_run_info", RUN_STARTS, PHASE_END):
                extra = {"target_instance": "edge-box:8102", "target": "mine"}
                extra = extra if sample.name == "wattscan_run_info" else {}
                yield sample._replace(labels={**sample.labels, "run": "run-0", **extra})
            if sample.name == "wattscan_energy_source_info":
                labels = {**sample.labels, "instance": "edge-box:8102", "domain": domain}
                yield sample._replace(labels={**labels, "target": "mine"})

        return more

    assert codes(Spec(more=(other("package-7"),))) == {"second_run"}
    card = {"sensor": "nvml", "domain": "gpu0", "scope": "board", "method": "counter"}
    engine = relabelled(MODEL, provider="CUDAExecutionProvider")
    assert codes(Spec(source=card, edits=(engine,), more=(other("gpu0"),))) == {"second_run"}
    assert codes(Spec(source=card, edits=(engine,), more=(other("gpu1"),))) == set()


def ratio_of(int8, source=SOURCE):
    edits = (changed(MODEL, tell(int8), precision="int8"),)
    spec = Spec(edits=edits, source=source)
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    return report.measured.ratio("brain-mri", "int8"), report.tables[0].rows[1].text("ratio")


def test_different_engines_are_allowed_and_told():
    ratio, text = ratio_of({"backend": "litert", "provider": "XNNPACK"})
    assert ratio.gross and text.endswith("FP32 in onnxruntime, INT8 in litert")


@pytest.mark.parametrize(
    ("engine", "marked"),
    [
        ({"provider": "CUDAExecutionProvider", "computed_in": "fp32"}, True),
        ({"provider": "CoreMLExecutionProvider", "computed_in": "fp32"}, True),
        ({"provider": "CUDAExecutionProvider"}, False),  # a server that did not tell
        ({"provider": "CUDAExecutionProvider", "computed_in": "int8"}, False),
        ({"provider": "OpenVINO-CPU", "computed_in": "int8"}, False),
        ({"provider": "EdgeTPU", "format": "tflite"}, False),
    ],
)
def test_int8_that_is_computed_in_floating_point_is_marked_and_never_valid(engine, marked):
    def run_on(sample):
        mine = sample.name == "wattscan_model_info"
        computed = {**engine}
        if sample.labels.get("precision") == "fp32" and "computed_in" in engine:
            computed["computed_in"] = "fp32"
        return sample._replace(labels={**sample.labels, **computed}) if mine else sample

    board = {"sensor": "nvml", "domain": "gpu0", "scope": "board", "method": "counter"}
    spec = Spec(source=board, edits=(run_on,))
    assert ("int8_computed_in_fp32" in codes(spec, "int8")) == marked
    assert "int8_computed_in_fp32" not in codes(spec, "fp32")
    assert (cells(spec)["int8"].verdict == "valid") <= (not marked)
    text = report_of(parse_recording(recording(spec).encode(), "r")).table("energy")
    assert ("INT8 computed in FP32" in text) == marked


@pytest.mark.parametrize(
    ("source", "compared"),
    [
        ({"sensor": "nvml", "domain": "gpu0", "scope": "board"}, False),
        ({"sensor": "rapl", "domain": "package-0+package-1", "scope": "chip"}, False),
        ({"sensor": "shelly", "domain": "inlet", "scope": "system"}, True),
        ({"sensor": "ina3221", "domain": "POM_5V_IN", "scope": "board"}, True),
        ({"sensor": "ina3221", "domain": "POM_5V_GPU", "scope": "rail"}, False),
        ({"sensor": "ioreport", "domain": "gpu", "scope": "chip"}, False),
        ({"sensor": "ioreport", "domain": "package", "scope": "chip"}, True),
    ],
)
def test_devices_that_the_domain_does_not_cover_alike_carry_no_ratio(source, compared):
    provider = {"provider": "CUDAExecutionProvider"}
    ratio, text = ratio_of(provider, {**source, "method": "counter"})
    assert (ratio.gross is not None) == compared
    assert compared or "does not cover alike" in text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("127.0.0.1:8002", "127.0.1.1:8003", True),
        ("0.0.0.0:8002", "localhost:8003", True),
        ("[::1]:8003", "127.0.0.1:8002", True),
        ("::1", "127.0.0.1:8002", True),
        ("[::]:8003", "LOCALHOST", True),
        ("[::ffff:127.0.0.1]:1", "127.9.9.9:2", True),
        ("[fe80::1%eth0]:1", "[fe80::1]:2", True),
        ("[::ffff:192.0.2.7]:1", "192.0.2.7:2", True),
        ("edge:1", "EDGE.:2", True),
        (f"{socket.gethostname()}:1", "127.0.0.1:2", True),
        (f"{socket.gethostname()}:1", "192.0.2.7:2", False),
        ("192.0.2.7:1", "192.0.2.8:1", False),
        ("[2001:db8::1]:1", "[2001:db8::2]:1", False),
        ("edge:1", "127.0.0.1:2", False),
        ("localhost.localdomain:1", "127.0.0.1:2", True),
        ("ip6-localhost:1", "127.0.0.1:2", True),
        ("http://127.0.0.1:8002/metrics", "localhost:8003", True),
        ("nuc:1", "nuc.lan:2", True),
        ("nuc.lan:1", "nuc.wan:2", False),
    ],
)
def test_which_instances_are_one_machine(one, other, same):
    assert same_host(one, other) == same == same_host(other, one)


def test_a_machine_without_a_name_is_not_every_machine(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    monkeypatch.setattr(socket, "getfqdn", lambda: "localhost.localdomain")
    assert not same_host("edge:1", "127.0.0.1:2")
    assert same_host("localhost.localdomain:1", "127.0.0.1:2")
