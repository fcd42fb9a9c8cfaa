"""Faults to plant in a run, each by the code of the reason that it gives."""

from typing import Any

from edits import changed, valued, without
from run_labels import LOADGEN, MODELLED
from synthetic import BOUNDS, Spec, spans
from verdict_rig import (
    COVERED,
    ENERGY,
    FIRST,
    GENERATOR,
    IDLE,
    LOADS,
    MIDDLE,
    MODEL,
    PAGE,
    PHASE_END,
    RUN_STARTS,
    also,
    counted_more,
    generator_clock,
    packages,
    relabelled,
    sparse,
)


def from_here(seconds):
    """A counter that stood still for so long in the first load."""
    return changed(COVERED, lambda s: s._replace(value=s.value - seconds), FIRST.end)


def reset(sample):
    return sample._replace(value=sample.value - 1000.0)


def second_source(sample):
    """From the third load on the table reads another domain."""
    return sample._replace(labels={**sample.labels, "domain": "psys", "scope": "system"})


LABELS: dict[str, Any] = {"task": "brain-mri", "precision": "fp32", "repeat": "1"}


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
    "counter_reset": Spec(interval=5.0, edits=(changed(ENERGY, reset, MIDDLE),)),
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
