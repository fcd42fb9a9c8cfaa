"""One planted fault, one reason. A run without a fault is `valid`."""

import socket

import pytest
from synthetic import (
    BOUNDS,
    LOADGEN,
    MODELLED,
    SOURCE,
    Spec,
    changed,
    images,
    recording,
    spans,
    valued,
    without,
)

from wattscan.collector.clocks import clocks_of_delays
from wattscan.collector.hosts import same_host
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.verdict import NET_RULES, RULES
from wattscan.contracts import WattscanError

LOADS = [span for span in spans(Spec()) if span.phase == "load"]
FIRST = LOADS[0]  # FP32, repeat 1
ENERGY = "wattscan_energy_joules_total"
COVERED = "wattscan_sensor_covered_seconds_total"


def cells(spec):
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    return {cell.precision: cell for cell in report.measured.cells}


def codes(spec, precision="fp32"):
    return {reason.code for reason in cells(spec)[precision].reasons}


def shifted(seconds):
    """Everything the recorder stamped, later by so much."""
    return lambda sample: sample._replace(at=sample.at + seconds)


def from_here(seconds):
    """A counter that stood still for so long in the first load."""
    return changed(COVERED, lambda s: s._replace(value=s.value - seconds), FIRST.end)


def tell(name):
    def edit(sample):
        return sample._replace(labels={**sample.labels, **name})

    return edit


PAGE = "wattscan_page_timestamp_seconds"
GENERATOR = {"instance": LOADGEN["instance"]}
RUN_STARTS = "wattscan_run_phase_start_timestamp_seconds"


def generator_clock(ahead):
    """What the generator's pages say of its time, ahead of the recorder's by `ahead(sample)`."""
    return changed(PAGE, lambda s: s._replace(value=s.value + ahead(s)), **GENERATOR)


def sparse(seconds):
    """The target is scraped so seldom."""

    def edit(sample):
        scraped = (sample.at - 2.0) % seconds < 1e-6 or sample.at < Spec.start
        return sample if scraped or sample.labels["instance"] == LOADGEN["instance"] else None

    return edit


def packages(gain):
    """Another package counts so much of what the first one does."""

    def more(sample):
        if sample.name == ENERGY:
            labels = {**sample.labels, "domain": "package-1"}
            yield sample._replace(labels=labels, value=gain * sample.value)

    return more


def elsewhere_counted(sample):
    """Another cluster's copy of the energy series, of another machine."""
    if sample.name == ENERGY:
        labels = {**sample.labels, "cluster": "b"}
        yield sample._replace(labels=labels, value=2 * sample.value + 5000.0)


def reset(sample):
    return sample._replace(value=sample.value - 1000.0)


def second_source(sample):
    """From the third load on the table reads another domain."""
    return sample._replace(labels={**sample.labels, "domain": "psys", "scope": "system"})


MIDDLE = (FIRST.start + FIRST.end) / 2
LABELS = {"task": "brain-mri", "precision": "fp32", "repeat": "1"}
PHASE_END = "wattscan_run_phase_end_timestamp_seconds"

IDLE = next(span for span in spans(Spec()) if span.phase == "idle")
REQUESTS = "wattscan_requests_total"
MODEL = "wattscan_model_info"


def also(name, **labels):
    """Beside each sample of a family another one with other labels."""

    def more(sample):
        if sample.name == name:
            yield sample._replace(labels={**sample.labels, **labels})

    return more


def counted_more(requests, start, end, **labels):
    """The server counts so many requests more, evenly between two moments."""

    def edit(sample):
        share = min(1.0, max(0.0, (sample.at - start) / (end - start)))
        return sample._replace(value=sample.value + round(requests * share))

    return changed(REQUESTS, edit, **labels)


def relabelled(name, start=0.0, **labels):
    return changed(name, tell(labels), start)


def drained(watts):
    """A device that takes so much power in each idle phase."""

    def edit(sample):
        idles = [s for s in spans(Spec()) if s.phase == "idle"]
        extra = sum((watts - 4.0) * max(0.0, min(sample.at, s.end) - s.start) for s in idles)
        return sample._replace(value=sample.value + extra)

    return changed(ENERGY, edit)


def also_run(name, value):
    def more(sample):
        if sample.name == "wattscan_run_info":
            labels = {**LOADGEN, "run": sample.labels["run"]}
            yield sample._replace(name=name, labels=labels, value=value)

    return more


def also_machine(processor, start):
    def more(sample):
        if sample.name == "wattscan_target_info" and start <= sample.at <= start + 200:
            labels = {**sample.labels, "processor": processor, "cores": "4"}
            yield sample._replace(name="wattscan_machine_info", labels=labels)

    return more


def befell(kind):
    def more(sample):
        if (
            sample.name == "wattscan_client_images_total"
            and LABELS.items() <= sample.labels.items()
        ):
            labels = {**sample.labels, "kind": kind}
            yield sample._replace(name="wattscan_run_incidents_total", labels=labels, value=1.0)

    return more


def bounded(at_least, percentile="99"):
    """A bound that the made-up histograms have a bucket for."""
    bound = next(bound for bound in BOUNDS if bound > at_least)
    return {"latency_bound": f"{bound:g}", "latency_percentile": percentile}


PLANTED = {
    "other_client": Spec(served=True, edits=(counted_more(900, FIRST.start, FIRST.end),)),
    "second_run": Spec(
        more=(
            also("wattscan_run_info", run="run-0"),
            also("wattscan_run_phase_start_timestamp_seconds", run="run-0"),
            also("wattscan_run_phase_end_timestamp_seconds", run="run-0"),
        )
    ),
    "several_generators": Spec(more=(also("wattscan_run_info", instance="driver:8004"),)),
    "phases_overlap": Spec(edits=(valued(PHASE_END, FIRST.start + 5, phase="warmup", **LABELS),)),
    "images_exceed_queries": Spec(
        edits=(changed("wattscan_client_images_total", lambda s: s._replace(value=2 * s.value)),)
    ),
    "idle_too_short": Spec(edits=(valued(PHASE_END, IDLE.end - 20, phase="idle", **LABELS),)),
    "idle_not_idle": Spec(edits=(drained(20.1), without("wattscan_power_watts"))),
    "gauge_disagrees": Spec(
        edits=(changed("wattscan_power_watts", lambda s: s._replace(value=1.3 * s.value)),)
    ),
    "energy_series_differ": Spec(more=(also(ENERGY, method="integrated"),)),
    "coverage_above_100_percent": Spec(
        edits=(changed(COVERED, lambda s: s._replace(value=1.5 * s.value)),)
    ),
    "model_changed": Spec(edits=(relabelled(MODEL, LOADS[6].start, sha256="a" * 64),)),
    "variants_are_one_model": Spec(
        edits=(
            relabelled(MODEL, sha256="a" * 64),
            relabelled("wattscan_model_quality_ratio", sha256="a" * 64),
        )
    ),
    "idle_not_measured": Spec(
        edits=(
            without("wattscan_run_phase_start_timestamp_seconds", phase="idle", **LABELS),
            without(PHASE_END, phase="idle", **LABELS),
        )
    ),
    "requests_not_recorded": Spec(
        edits=(without("wattscan_client_requests_total", outcome="error"),)
    ),
    "generator_cpu_not_recorded": Spec(
        edits=(valued("wattscan_generator_cpu_ratio", float("nan")),)
    ),
    "model_not_recorded": Spec(edits=(without(MODEL),)),
    "quality_not_recorded": Spec(
        edits=(without("wattscan_model_quality_ratio", precision="int8"),)
    ),
    "sensor_state_not_recorded": Spec(edits=(without("wattscan_sensor_up"),)),
    "uncertainty_not_recorded": Spec(edits=(without("wattscan_sensor_uncertainty_ratio"),)),
    "profile_quick": Spec(profile="quick"),
    "profile_check": Spec(profile="check"),
    "profile_unknown": Spec(profile="my-own"),
    "modelled_power": Spec(source=MODELLED),
    "temperature_not_measured": Spec(edits=(without("wattscan_temperature_celsius"),)),
    "load_too_short": Spec(edits=(valued(PHASE_END, FIRST.end - 10, phase="load", **LABELS),)),
    "coverage_below_98_percent": Spec(edits=(from_here(1.5),)),
    "sensor_down_at_edge": Spec(
        edits=(valued("wattscan_sensor_up", 0.0, FIRST.end - 1, FIRST.end + 1),)
    ),
    "counter_reset": Spec(edits=(changed(ENERGY, reset, MIDDLE),)),
    "start_temperatures_apart": Spec(start_celsius={"fp32": 40.0, "int8": 42.1}),
    "repeats_vary": Spec(wobble=(1.0, 1.1)),
    "generator_cpu_above_90_percent": Spec(generator_cpu=0.91),
    "throttled": Spec(edits=(valued("wattscan_throttled", 1.0, MIDDLE - 3, MIDDLE + 3),)),
    "errors_or_drops": Spec(
        edits=(valued("wattscan_client_requests_total", 3.0, outcome="dropped", **LABELS),)
    ),
    "load_interrupted": Spec(more=(befell("worker_lost"),)),
    "latency_bound_missed": Spec(workload=bounded(0.04)),
    "min_queries_not_reached": Spec(workload={"min_queries": "1000000"}),
    "latency_bound_not_shown": Spec(workload=bounded(0.06, "99.999")),
    "clocks_apart": Spec(edits=(generator_clock(lambda s: 3e-3 * (s.at - FIRST.start)),)),
    "clocks_not_recorded": Spec(
        edits=(without(PAGE, **GENERATOR), without(RUN_STARTS, phase="load"))
    ),
    "cooldown_unwatched": Spec(more=(also_run("wattscan_run_cooldowns_unwatched", 1.0),)),
    "error_bound_too_large": Spec(interval=1.0, edits=(sparse(20.0),)),
    "phases_out_of_order": Spec(
        edits=(
            valued(RUN_STARTS, FIRST.end + 1.0, phase="idle", **LABELS),
            valued(PHASE_END, FIRST.end + 19.0, phase="idle", **LABELS),
        )
    ),
    "images_below_queries": Spec(
        edits=(changed("wattscan_client_images_total", lambda s: s._replace(value=s.value // 2)),)
    ),
    "counts_unsettled": Spec(
        edits=(
            changed("wattscan_client_requests_total", reset, MIDDLE, **LABELS),
            changed("wattscan_client_images_total", reset, MIDDLE, **LABELS),
        )
    ),
    "device_not_covered": Spec(edits=(relabelled(MODEL, provider="CUDAExecutionProvider"),)),
    "device_in_parts": Spec(more=(packages(1.2),)),
    "machine_changed": Spec(
        more=(also_machine("A", FIRST.start), also_machine("B", LOADS[6].start))
    ),
    "warmup_too_short": Spec(
        edits=(valued(RUN_STARTS, FIRST.start - 2.0, phase="warmup", **LABELS),)
    ),
    "warmup_not_recorded": Spec(
        edits=(
            without(RUN_STARTS, phase="warmup", **LABELS),
            without(PHASE_END, phase="warmup", **LABELS),
        )
    ),
    "source_not_recorded": Spec(
        edits=(without("wattscan_energy_source_info", IDLE.start - 60, FIRST.end + 21),)
    ),
    "incomplete_run": Spec(edits=(without(PHASE_END, phase="load", **LABELS),)),
    "energy_not_measured": Spec(edits=(without(ENERGY),)),
    "images_not_counted": Spec(
        edits=(
            valued("wattscan_client_images_total", 0.0, **LABELS),
            valued("wattscan_client_requests_total", 0.0, **LABELS),
        )
    ),
    "figures_not_plausible": Spec(edits=(valued("wattscan_client_images_total", -1.0, **LABELS),)),
    "sensor_changed": Spec(
        edits=(changed("wattscan_energy_source_info", second_source, LOADS[8].start),)
    ),
}


# What a fault brings with it: a counter that is not there is down at the edges too, and the images
# of a whole load over the energy of a part are another figure.
FOLLOWS = {
    "energy_not_measured": {"sensor_down_at_edge"},
    "load_too_short": {"repeats_vary", "gauge_disagrees", "counts_unsettled"},
    "counts_unsettled": {"repeats_vary", "requests_not_recorded"},
    "clocks_not_recorded": {"incomplete_run"},
    "phases_out_of_order": {"phases_overlap", "idle_too_short"},
    "idle_not_measured": {"temperature_not_measured"},
    "idle_too_short": {"idle_not_idle"},
    "counter_reset": {"gauge_disagrees"},
    "model_changed": {"variants_are_one_model", "quality_not_recorded"},
    "figures_not_plausible": {"images_below_queries"},
}


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
    assert int8["ratio"].endswith(", invalid")


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


def test_clocks():
    assert clocks_of_delays(0.01, 1.0, 3, {}).apart == 0
    assert clocks_of_delays(-0.08, 1.0, 3, {}).apart == 0  # a phase that began during a scrape
    assert clocks_of_delays(-0.2, 1.0, 3, {}).apart == pytest.approx(0.1)
    assert clocks_of_delays(1.3, 1.0, 3, {}).apart == pytest.approx(0.3)
    assert clocks_of_delays(0.01, 1.0, 3, {}).unknown == pytest.approx(0.99)
    late = [shift_generator(6.0), without(PAGE)]
    assert "clocks_apart" in codes(Spec(edits=tuple(late)))


def shift_generator(seconds):
    return lambda s: shifted(seconds)(s) if s.labels["instance"] == LOADGEN["instance"] else s


@pytest.mark.parametrize("ahead", [-7200.0, -40.0, -3.3, 0.4, 5.0, 3600.0])
def test_a_constant_offset_is_corrected_and_told(ahead):
    def by_its_clock(sample):
        moved = sample.name in (RUN_STARTS, PHASE_END)
        return sample._replace(value=sample.value + ahead) if moved else sample

    spec = Spec(edits=(by_its_clock, generator_clock(lambda s: ahead)))
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    for cell, plain in zip(report.measured.cells, cells(Spec()).values(), strict=True):
        assert cell.verdict == "valid"
        assert cell.joules("gross").mean == pytest.approx(plain.joules("gross").mean, rel=1e-4)
    assert report.measured.clocks.offset == pytest.approx(ahead, abs=1e-3)
    assert f"{abs(ahead):.3g} s" in report.table("energy")


def test_an_offset_that_hides_within_a_scrape_interval_is_not_valid():
    """Nothing tells of it: the first samples of a phase come within an interval all the same."""
    behind = Spec(edits=(shift_generator(2.0), without(PAGE)))
    assert codes(behind) == {"error_bound_too_large"}


@pytest.mark.parametrize(
    "ahead",
    [lambda s: 0.4 * (s.at > LOADS[5].start), lambda s: -0.4 * (s.at > LOADS[5].start)],
    ids=["forward", "back"],
)
def test_a_clock_that_jumped_is_not_valid(ahead):
    assert "clocks_apart" in codes(Spec(edits=(generator_clock(ahead),)))


def test_pages_that_were_slow_now_and_then_are_no_drift():
    slow = generator_clock(lambda s: 0.8 if round(s.at) % 35 == 0 else 0.0)
    assert codes(Spec(interval=5.0, edits=(slow,))) == set()


def test_one_page_that_stalls_is_no_jump():
    stall = generator_clock(lambda s: 4.0 if MIDDLE < s.at < MIDDLE + 9.0 else 0.0)
    assert codes(Spec(interval=5.0, edits=(stall,))) == set()


def test_a_generator_s_page_that_a_proxy_keeps_is_taken_for_when_it_was_made():
    kept = generator_clock(lambda s: -(s.at % 8.0))
    report = report_of(parse_recording(recording(Spec(interval=2.0, edits=(kept,))).encode(), "r"))
    assert report.measured.clocks.offset == pytest.approx(0, abs=0.5)
    assert report.measured.cells[0].joules("gross").mean == pytest.approx(
        cells(Spec())["fp32"].joules("gross").mean, rel=2e-3
    )


def test_a_sampling_interval_that_is_not_on_record_is_not_none():
    slow = {**SOURCE, "method": "integrated"}
    bare = (without("wattscan_sensor_interval_seconds"),)
    told = cells(Spec(source=slow))["fp32"].joules("gross").bound
    assert cells(Spec(source=slow, edits=bare))["fp32"].joules("gross").bound > told


def test_a_target_s_own_clock_spoils_nothing():
    wrong = changed(PAGE, lambda s: s._replace(value=1e9 - 3 * s.value), target="cpu")
    assert codes(Spec(edits=(wrong,))) == set()


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


def test_a_third_variant_needs_its_own_quality():
    def halved(sample):
        if sample.labels.get("precision") == "int8" and "quality" not in sample.name:
            yield sample._replace(labels={**sample.labels, "precision": "fp16"})

    assert codes(Spec(more=(halved,)), "fp16") >= {"quality_not_recorded"}


def test_a_run_of_another_name_for_this_service_is_a_second_run():
    more = tuple(
        also(name, run="run-0", target="by another name")
        for name in ("wattscan_run_info", RUN_STARTS, PHASE_END)
    )
    assert codes(Spec(more=more)) == {"second_run"}


def test_somebody_else_s_series_end_nothing():
    def theirs(sample):
        if sample.name in ("wattscan_run_info", RUN_STARTS):
            labels = {**sample.labels, "run": "run-0"}
            yield sample._replace(labels={k: v for k, v in labels.items() if k != "task"})
            yield sample._replace(labels={"job": "theirs"})

    assert "second_run" not in codes(Spec(more=(theirs,)))


def test_an_idle_phase_is_judged_by_what_its_own_variant_adds():
    """FP32 adds 96 W, INT8 10 W: 5 W more in idle are nothing to the one and half to the other."""

    def edit(sample):
        mine = [s for s in spans(Spec()) if (s.precision, s.phase) == ("int8", "idle")][:3]
        extra = sum(5.0 * max(0.0, min(sample.at, s.end) - s.start) for s in mine)
        return sample._replace(value=sample.value + extra)

    spec = Spec(
        load_watts={"fp32": 100.0, "int8": 14.0},
        edits=(changed(ENERGY, edit), without("wattscan_power_watts")),
    )
    assert codes(spec) == set()
    assert codes(spec, "int8") == {"idle_not_idle"}


@pytest.mark.parametrize("gain", [1e3, 1e9])
def test_a_power_beyond_any_device_is_a_wrong_unit(gain):
    def edit(sample):
        return sample._replace(value=sample.value * gain)

    spec = Spec(edits=(changed(ENERGY, edit), changed("wattscan_power_watts", edit)))
    assert codes(spec) == {"figures_not_plausible"}


def test_a_gauge_that_shows_nothing_disagrees():
    spec = Spec(edits=(valued("wattscan_power_watts", 0.0),))
    assert codes(spec) == {"gauge_disagrees"}


def test_an_unknown_outcome_is_no_answer():
    def timed_out(sample):
        if sample.name == "wattscan_client_requests_total" and sample.labels["outcome"] == "ok":
            yield sample._replace(labels={**sample.labels, "outcome": "timeout"})

    assert codes(Spec(more=(timed_out,))) == {"errors_or_drops"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("wattscan_sensor_uncertainty_ratio", 3.0, "uncertainty_not_recorded"),
        ("wattscan_sensor_uncertainty_ratio", -0.1, "uncertainty_not_recorded"),
        ("wattscan_generator_cpu_ratio", -5.0, "generator_cpu_not_recorded"),
        ("wattscan_model_quality_ratio", 5.0, "quality_not_recorded"),
    ],
)
def test_evidence_that_can_not_be_is_none(name, value, code):
    assert codes(Spec(edits=(valued(name, value),))) == {code}


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


@pytest.mark.parametrize(
    ("family", "code"),
    [
        ("wattscan_sensor_up", "sensor_state_not_recorded"),
        (MODEL, "model_not_recorded"),
        ("wattscan_generator_cpu_ratio", "generator_cpu_not_recorded"),
    ],
)
def test_evidence_is_wanted_in_every_window(family, code):
    window = [s for s in spans(Spec()) if (s.precision, s.repeat) == ("fp32", 5)]
    gone = without(family, window[0].start - 8, window[-1].end + 8)
    (reason,) = cells(Spec(edits=(gone,)))["fp32"].reasons
    assert reason.code == code
    assert reason.sentence.endswith("repeat 5.")


@pytest.mark.parametrize("label", ["sha256", "backend", "provider", "format"])
def test_a_model_that_is_not_wholly_told_is_not_on_record(label):
    def silent(sample):
        labels = {name: text for name, text in sample.labels.items() if name != label}
        return sample._replace(labels=labels)

    assert "model_not_recorded" in codes(Spec(edits=(changed(MODEL, silent),)))


def test_one_variant_alone_needs_its_own_quality():
    alone = Spec(precisions=("fp32",))
    assert codes(alone) == set()
    edits = (without("wattscan_model_quality_ratio"),)
    assert codes(Spec(precisions=("fp32",), edits=edits)) == {"quality_not_recorded"}


def test_a_run_that_was_cut_short_just_before_is_no_second_run():
    begun = spans(Spec())[0].start

    def crashed(sample):
        """Its first idle phase began 100 s before, and its page is gone 10 s before."""
        name = "wattscan_run_phase_start_timestamp_seconds"
        if sample.at == begun and sample.name in ("wattscan_run_info", name):
            yield sample._replace(
                at=begun - 10,
                labels={**sample.labels, "run": "run-0"},
                value=1.0 if sample.name == "wattscan_run_info" else begun - 100,
            )

    assert codes(Spec(more=(crashed,))) == set()


# --- what the server served ---------------------------------------------------------------------


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

    whose = {"precision": load.precision}
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


# --- engines and devices ------------------------------------------------------------------------


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


# --- hosts --------------------------------------------------------------------------------------


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


# --- what is no number --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "name",
    [ENERGY, COVERED, "wattscan_client_images_total", "wattscan_model_quality_ratio", PHASE_END,
     "wattscan_run_phase_start_timestamp_seconds", "wattscan_sensor_uncertainty_ratio"],
)  # fmt: skip
def test_a_last_sample_that_is_no_number_is_no_sample(name, value):
    """As a staleness marker at the end of each series is."""

    def marked(sample):
        if sample.name == name:
            yield sample._replace(at=sample.at + 0.25, value=value)

    for precision in ("fp32", "int8"):
        assert codes(Spec(more=(marked,)), precision) == set()


@pytest.mark.parametrize("name", [ENERGY, "wattscan_power_watts", "wattscan_generator_cpu_ratio"])
def test_a_series_of_no_numbers_is_no_series(name):
    absent, marked = without(name), valued(name, float("nan"))
    assert codes(Spec(edits=(marked,))) == codes(Spec(edits=(absent,)))


def test_a_machine_without_a_name_is_not_every_machine(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    monkeypatch.setattr(socket, "getfqdn", lambda: "localhost.localdomain")
    assert not same_host("edge:1", "127.0.0.1:2")
    assert same_host("localhost.localdomain:1", "127.0.0.1:2")
