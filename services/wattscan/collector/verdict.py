"""The verdict on a cell: `valid`, `indicative` or `invalid`, with every reason that holds.

One function for each reason of docs/measurement.md ("Verdicts"), found by its place in `_CHECKS`;
each gets all the evidence on one cell and gives a sentence, or None. Here are those that judge how
the run went; `missing_evidence` and `contradictions` have the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from wattscan.collector import agreement
from wattscan.collector import contradictions as said
from wattscan.collector import missing_evidence as missing
from wattscan.collector.cells import Kind, Reason, Verdict, bound_ratio
from wattscan.collector.devices_alike import widened
from wattscan.collector.evidence import Evidence, repeats, too_short
from wattscan.collector.names import listed, title_of
from wattscan.early_stopping import keeps, queries_needed
from wattscan.units import Celsius

_LEAST_COVERAGE = 0.98
_MOST_START_DIFFERENCE = Celsius(2.0)
_MOST_VARIATION = 0.03
_REPEATS_TO_JUDGE_VARIATION = 4
_MOST_GENERATOR_CPU = 0.9
_MOST_LOST = 0.001
_LEAST_QUALITY = 0.99
_MOST_CLOCK_OFFSET = 0.001
# More than any chip or board takes; an inlet may feed a rack.
_MOST_WATTS, _MOST_SYSTEM_WATTS = 2_000.0, 20_000.0
_MOST_IMAGES_PER_SECOND = 1e6
MOST_BOUND = {"standard": 0.02, "formal": 0.01}
"""The largest error bound of a window that `valid` allows, over its energy, by profile."""


def judge(evidence: Evidence) -> tuple[Reason, ...]:
    """Every reason that holds; none at all means `valid`."""
    return _holding(_CHECKS, evidence)


def judge_net(evidence: Evidence) -> tuple[Reason, ...]:
    """Every reason that holds for the net energy alone."""
    return _holding(_NET_CHECKS, evidence)


def _holding(checks: _Checks, evidence: Evidence) -> tuple[Reason, ...]:
    found = [(code, verdict, check(evidence)) for code, verdict, check in checks]
    return tuple(Reason(code, verdict, said) for code, verdict, said in found if said)


def _profile_quick(evidence: Evidence) -> str | None:
    if evidence.run.profile != "quick":
        return None
    return "The quick profile is there to see it work; it gives no interval."


def _profile_check(evidence: Evidence) -> str | None:
    if evidence.run.profile != "check":
        return None
    return "The check profile is there to compare two versions of the code; its windows are short."


def _profile_unknown(evidence: Evidence) -> str | None:
    if evidence.profile:
        return None
    return f"The profile {evidence.run.profile!r} is not known, so the load's length is not judged."


def _modelled_power(evidence: Evidence) -> str | None:
    if evidence.method != "modelled":
        return None
    return "The power is computed from CPU time, not measured."


def _generator_on_device(evidence: Evidence) -> str | None:
    if not evidence.same_host or evidence.method in (None, "modelled"):
        return None
    return "The load generator ran on the measured device, and the meter counts it too."


def _incomplete_run(evidence: Evidence) -> str | None:
    said = []
    if evidence.cut_short:
        said.append("The recording ends before the run does.")
    unended = [w for w in evidence.windows if w.duration is None]
    if unended:
        said.append(f"The load of {repeats(unended)} has no end.")
    profile = evidence.profile
    if profile and len(evidence.windows) < profile.repeats:
        found = len(evidence.windows)
        said.append(f"The profile has {profile.repeats} repeats, the run only {found}.")
    return " ".join(said) or None


def _energy_not_measured(evidence: Evidence) -> str | None:
    bare = [w for w in evidence.windows if w.duration is not None and w.gross is None]
    return f"The energy was not measured in {repeats(bare)}." if bare else None


def _images_not_counted(evidence: Evidence) -> str | None:
    bare = [w for w in evidence.windows if w.duration is not None and not w.images]
    return f"No image was answered in {repeats(bare)}." if bare else None


def _figures_not_plausible(evidence: Evidence) -> str | None:
    system = evidence.table is not None and evidence.table.scope == "system"
    most = _MOST_SYSTEM_WATTS if system else _MOST_WATTS
    odd = [
        w
        for w in evidence.windows
        if not 0 < (1.0 if w.gross is None else w.gross) < np.inf
        or not ((w.images or 0.0) == 0 or 1 <= (w.images or 0.0) < np.inf)
        or (w.power or 0.0) > most
        or (w.images_per_second or 0.0) > _MOST_IMAGES_PER_SECOND
    ]
    if not odd:
        return None
    return (
        f"Energy or images are no plausible number in {repeats(odd)}: more than any device takes "
        "or does, or less than nothing. Is a unit wrong?"
    )


def _load_too_short(evidence: Evidence) -> str | None:
    promised = evidence.profile.load if evidence.profile else 0.0
    return too_short(evidence.windows, "The load", promised, lambda w: w.duration)


def _coverage_below_98_percent(evidence: Evidence) -> str | None:
    known = [w for w in evidence.windows if w.gross is not None]
    low = [w for w in known if w.coverage_ratio is None or w.coverage_ratio < _LEAST_COVERAGE]
    if not low:
        return None
    told = [w.coverage_ratio for w in low if w.coverage_ratio is not None]
    if not told:
        return f"The sensor did not tell how much of the time it covered in {repeats(low)}."
    return f"The sensor covered only {min(told):.1%} of idle or load in {repeats(low)}."


def _sensor_down_at_edge(evidence: Evidence) -> str | None:
    down = [w for w in evidence.windows if w.down_at_edge]
    return f"The sensor was down at an edge of idle or load in {repeats(down)}." if down else None


def _counter_reset(evidence: Evidence) -> str | None:
    reset = [w for w in evidence.windows if w.resets]
    return f"The energy counter was reset in {repeats(reset)}." if reset else None


def _start_temperatures_apart(evidence: Evidence) -> str | None:
    apart = evidence.start_difference
    if apart is None or apart <= _MOST_START_DIFFERENCE:
        return None
    names = listed([title_of(cell.precision) for cell in evidence.variants])
    return f"{names} started {apart:.1f} °C apart on average; 2 °C is the most."


def _repeats_vary(evidence: Evidence) -> str | None:
    values = [j for j in (w.joules_per_image for w in evidence.windows) if j is not None]
    if len(values) < _REPEATS_TO_JUDGE_VARIATION:
        return None
    mean = float(np.mean(values))
    variation = float(np.std(values, ddof=1)) / mean if mean > 0 else 0.0
    if variation <= _MOST_VARIATION:
        return None
    return f"The repeats vary by {variation:.1%} (coefficient of variation); 3 % is the most."


def _generator_cpu_above_90_percent(evidence: Evidence) -> str | None:
    told = [w.generator_cpu_ratio or 0.0 for w in evidence.windows]
    if max(told, default=0.0) <= _MOST_GENERATOR_CPU:
        return None
    return f"The load generator used {max(told):.0%} of a core, so it may have been the limit."


def _throttled(evidence: Evidence) -> str | None:
    slowed = [w for w in evidence.windows if w.throttled]
    return f"The device limited its clock in {repeats(slowed)}." if slowed else None


def _errors_or_drops(evidence: Evidence) -> str | None:
    lost = [w for w in evidence.windows if w.queries and w.queries.lost_ratio > _MOST_LOST]
    if not lost:
        return None
    most = max(w.queries.lost_ratio for w in lost if w.queries)
    return f"{most:.2%} of the queries failed or were dropped in {repeats(lost)}; 0.1 % is allowed."


_INCIDENTS = {
    "server_lost": "the service could not be reached",
    "worker_lost": "a process that sent queries is gone, and what it counted with it",
    "not_answered": "queries were still open a minute after the load",
}


def _load_interrupted(evidence: Evidence) -> str | None:
    struck = [w for w in evidence.windows if any(w.incidents.values())]
    if not struck:
        return None
    kinds = {kind for w in struck for kind, count in w.incidents.items() if count}
    told = "; ".join(_INCIDENTS.get(kind, kind) for kind in sorted(kinds))
    return f"The load was interrupted in {repeats(struck)}: {told}."


def _bound_kept(evidence: Evidence) -> tuple[bool | None, float, float]:
    """Whether the latency percentile keeps its bound, the queries beyond it, and all of them."""
    workload, latency = evidence.run.workload, evidence.cell.latency
    bound = workload.latency_bound
    counted = [w.queries for w in evidence.windows if w.queries]
    lost = sum(q.error + q.dropped for q in counted)
    over = latency.beyond(bound) if latency and bound else None
    if over is None or latency is None:
        return None, lost, lost
    queries = latency.total + lost
    kept = keeps(int(queries), int(over + lost), workload.latency_percentile)
    return kept, over + lost, queries


def _min_queries_not_reached(evidence: Evidence) -> str | None:
    least = evidence.run.workload.min_queries
    few = [w for w in evidence.windows if w.queries and w.queries.total < least]
    if not few:
        return None
    return f"The load of {repeats(few)} had fewer queries than the workload's {least}."


def _latency_bound_missed(evidence: Evidence) -> str | None:
    bound = evidence.run.workload.latency_bound
    if bound is None:
        return None
    kept, over, queries = _bound_kept(evidence)
    if kept is not False:
        return None
    return (
        f"{over:.0f} of {queries:.0f} queries took longer than the latency bound of {bound:g} s, "
        f"or got no answer: p{evidence.run.workload.latency_percentile:g} does not keep it."
    )


def _latency_bound_not_shown(evidence: Evidence) -> str | None:
    workload = evidence.run.workload
    if workload.latency_bound is None:
        return None
    kept, over, queries = _bound_kept(evidence)
    if kept is not None:
        return None
    needed = queries_needed(int(over), workload.latency_percentile)
    return (
        f"{queries:.0f} queries, {over:.0f} of them beyond the latency bound of "
        f"{workload.latency_bound:g} s, do not show that p{workload.latency_percentile:g} keeps "
        f"it: MLPerf's rule asks for {needed}."
    )


def _int8_quality_below_99_percent(evidence: Evidence) -> str | None:
    return _low_quality(evidence) if evidence.cell.precision == "int8" else None


def _quality_below_99_percent(evidence: Evidence) -> str | None:
    return _low_quality(evidence) if evidence.cell.precision != "int8" else None


def _low_quality(evidence: Evidence) -> str | None:
    variant, reference = evidence.cell.precision, evidence.run.reference
    ratio = evidence.quality_ratios.get(variant)
    if ratio is None or ratio >= _LEAST_QUALITY:
        return None
    return (
        f"The {title_of(variant)} model's quality is {ratio:.1%} of the {title_of(reference)} "
        "model's; 99 % is the least."
    )


def _int8_computed_in_fp32(evidence: Evidence) -> str | None:
    if "int8" not in widened(evidence.cell):
        return None
    return (
        f"{_providers(evidence)} computes the convolutions of the quantized model in floating "
        "point: these are the joules of FP32 with rounding, not of INT8."
    )


def _fp16_computed_in_fp32(evidence: Evidence) -> str | None:
    if "fp16" not in widened(evidence.cell):
        return None
    return (
        f"{_providers(evidence)} widens the model's 16-bit floats to 32 bits: these are the joules "
        "of FP32, not of FP16."
    )


def _providers(evidence: Evidence) -> str:
    return ", ".join(sorted({model.provider for model in evidence.cell.models}))


def _clocks_apart(evidence: Evidence) -> str | None:
    lengths = [w.duration for w in evidence.windows if w.duration]
    clocks = evidence.record.clocks
    if clocks is None or not lengths or clocks.apart <= _MOST_CLOCK_OFFSET * min(lengths):
        return None
    how = "drifted or jumped" if clocks.offset_known else "are apart"
    return (
        f"The clocks of generator and recorder {how} by {clocks.apart:.3g} s or more; "
        "0.1 % of the load is the most."
    )


def _bound_too_large(evidence: Evidence) -> str | None:
    return _bound_above(evidence, "gross", "energy")


def _net_not_resolved(evidence: Evidence) -> str | None:
    return _bound_above(evidence, "net", "net energy")


def _bound_above(evidence: Evidence, kind: Kind, what: str) -> str | None:
    limit = MOST_BOUND.get(evidence.run.profile, MOST_BOUND["standard"])
    # What is not covered has a reason of its own.
    covered = [w for w in evidence.windows if (w.coverage_ratio or 0.0) >= _LEAST_COVERAGE]
    ratios = [(bound_ratio(window, kind) or 0.0, window) for window in covered]
    wide = [window for ratio, window in ratios if ratio > limit]
    if not wide or evidence.run.profile == "quick":
        return None
    largest = max(ratio for ratio, _ in ratios)
    size = f"up to {largest:.1%}" if largest < 1 else "all"
    return (
        f"The record does not resolve {size} of the {what} in {repeats(wide)}: the readings lie "
        "too far apart at the edges of its phases, or the clocks are too uncertain. "
        f"{limit:.0%} is the most."
    )


_Checks: TypeAlias = tuple[tuple[str, Verdict, Callable[[Evidence], str | None]], ...]
_CHECKS: _Checks = (
    ("incomplete_run", "invalid", _incomplete_run),
    ("energy_not_measured", "invalid", _energy_not_measured),
    ("images_not_counted", "invalid", _images_not_counted),
    ("figures_not_plausible", "invalid", _figures_not_plausible),
    ("load_too_short", "invalid", _load_too_short),
    ("coverage_below_98_percent", "invalid", _coverage_below_98_percent),
    ("coverage_above_100_percent", "invalid", said.coverage_above_100_percent),
    ("sensor_down_at_edge", "invalid", _sensor_down_at_edge),
    ("sensor_changed", "invalid", said.sensor_changed),
    ("energy_series_differ", "invalid", said.energy_series_differ),
    ("gauge_disagrees", "invalid", said.gauge_disagrees),
    ("counter_reset", "invalid", _counter_reset),
    ("other_client", "invalid", said.other_client),
    ("second_run", "invalid", said.second_run),
    ("several_generators", "invalid", said.several_generators),
    ("phases_overlap", "invalid", said.phases_overlap),
    ("phases_out_of_order", "invalid", said.phases_out_of_order),
    ("images_exceed_queries", "invalid", said.images_exceed_queries),
    ("images_below_queries", "invalid", said.images_below_queries),
    ("counts_unsettled", "invalid", said.counts_unsettled),
    ("device_not_covered", "invalid", said.device_not_covered),
    ("device_in_parts", "invalid", said.device_in_parts),
    ("machine_changed", "invalid", said.machine_changed),
    ("idle_too_short", "invalid", said.idle_too_short),
    ("warmup_too_short", "invalid", said.warmup_too_short),
    ("idle_not_idle", "invalid", said.idle_not_idle),
    ("model_changed", "invalid", said.model_changed),
    ("variants_are_one_model", "invalid", said.variants_are_one_model),
    ("start_temperatures_apart", "invalid", _start_temperatures_apart),
    ("repeats_vary", "invalid", _repeats_vary),
    ("generator_cpu_above_90_percent", "invalid", _generator_cpu_above_90_percent),
    ("throttled", "invalid", _throttled),
    ("errors_or_drops", "invalid", _errors_or_drops),
    ("load_interrupted", "invalid", _load_interrupted),
    ("latency_bound_missed", "invalid", _latency_bound_missed),
    ("int8_quality_below_99_percent", "invalid", _int8_quality_below_99_percent),
    ("quality_below_99_percent", "invalid", _quality_below_99_percent),
    ("agreement_far_off", "invalid", agreement.agreement_far_off),
    ("clocks_apart", "invalid", _clocks_apart),
    ("error_bound_too_large", "indicative", _bound_too_large),
    ("latency_bound_not_shown", "indicative", _latency_bound_not_shown),
    ("min_queries_not_reached", "indicative", _min_queries_not_reached),
    ("int8_computed_in_fp32", "indicative", _int8_computed_in_fp32),
    ("fp16_computed_in_fp32", "indicative", _fp16_computed_in_fp32),
    ("profile_quick", "indicative", _profile_quick),
    ("profile_check", "indicative", _profile_check),
    ("profile_unknown", "indicative", _profile_unknown),
    ("modelled_power", "indicative", _modelled_power),
    ("generator_on_device", "indicative", _generator_on_device),
    ("temperature_not_measured", "indicative", missing.temperature_not_measured),
    ("warmup_not_recorded", "indicative", missing.warmup_not_recorded),
    ("source_not_recorded", "indicative", missing.source_not_recorded),
    ("cooldown_unwatched", "indicative", missing.cooldown_unwatched),
    ("clocks_not_recorded", "indicative", missing.clocks_not_recorded),
    ("idle_not_measured", "indicative", missing.idle_not_measured),
    ("requests_not_recorded", "indicative", missing.requests_not_recorded),
    ("generator_cpu_not_recorded", "indicative", missing.generator_cpu_not_recorded),
    ("model_not_recorded", "indicative", missing.model_not_recorded),
    ("agreement_far_off_on_drawn", "indicative", agreement.agreement_far_off_on_drawn),
    ("agreement_only", "indicative", agreement.agreement_only),
    ("quality_not_recorded", "indicative", missing.quality_not_recorded),
    ("sensor_state_not_recorded", "indicative", missing.sensor_state_not_recorded),
    ("uncertainty_not_recorded", "indicative", missing.uncertainty_not_recorded),
)
"""Code, what it makes of the cell, and its check, the gravest first."""

_NET_CHECKS: _Checks = (("net_not_resolved", "indicative", _net_not_resolved),)
"""What holds for net energy alone."""

REASON_CODES: tuple[str, ...] = tuple(code for code, _, _ in (*_CHECKS, *_NET_CHECKS))
