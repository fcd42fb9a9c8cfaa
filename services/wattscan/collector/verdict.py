"""The verdict on a cell: `valid`, `indicative` or `invalid`, with every reason that holds.

One table has every reason; docs/measurement.md ("Verdicts") shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wattscan.collector.checks import energy, load, missing, model, run
from wattscan.collector.energy import COVERAGE_TOLERANCE, GAUGE_ERRORS, GAUGE_TOLERANCE
from wattscan.collector.evidence import TIMER_TOLERANCE, Evidence
from wattscan.collector.names import percent
from wattscan.collector.reasons import Reason, Verdict
from wattscan.collector.served import TOLERANCE_RATIO, TOLERANCE_REQUESTS
from wattscan.contracts import LEAST_AGREEMENT, MOST_RELATIVE_ERROR
from wattscan.profiles import LEAST_COVERAGE, PROFILES


@dataclass(frozen=True)
class Rule:
    """What a reason makes of a cell, its check (a sentence where it holds, else None), and the
    limit that the check goes by, "" for none."""

    verdict: Verdict
    check: Callable[[Evidence], str | None]
    limit: str = ""

    @property
    def code(self) -> str:
        """The reason's stable name, which is that of its check."""
        return self.check.__name__


def judge(evidence: Evidence) -> tuple[Reason, ...]:
    """Every reason that holds; none at all means `valid`."""
    return _holding(RULES, evidence)


def judge_net(evidence: Evidence) -> tuple[Reason, ...]:
    """Every reason that holds for the net energy alone."""
    return _holding(NET_RULES, evidence)


def _holding(rules: Sequence[Rule], evidence: Evidence) -> tuple[Reason, ...]:
    found = [(rule, rule.check(evidence)) for rule in rules]
    return tuple(Reason(rule.code, rule.verdict, said) for rule, said in found if said)


_LENGTH = f"{percent(1 - TIMER_TOLERANCE)} of the profile's"
_BOUND = "{}, in the profile `formal` {}".format(
    *(percent(PROFILES[name].most_bound) for name in ("standard", "formal"))
)

RULES: tuple[Rule, ...] = (
    Rule("invalid", run.incomplete_run),
    Rule("invalid", energy.energy_not_measured),
    Rule("invalid", load.images_not_counted),
    Rule(
        "invalid",
        energy.figures_not_plausible,
        f"{energy.MOST_WATTS:,.0f} W, of a scope `system` {energy.MOST_SYSTEM_WATTS:,.0f} W; "
        f"{energy.MOST_IMAGES_PER_SECOND:,.0f} images/s",
    ),
    Rule("invalid", run.load_too_short, _LENGTH),
    Rule("invalid", energy.coverage_below_98_percent, percent(LEAST_COVERAGE)),
    Rule("invalid", energy.coverage_above_100_percent, percent(1 + COVERAGE_TOLERANCE)),
    Rule("invalid", energy.sensor_down_at_edge),
    Rule("invalid", energy.sensor_changed),
    Rule("invalid", energy.energy_series_differ),
    Rule(
        "invalid",
        energy.gauge_disagrees,
        f"{percent(GAUGE_TOLERANCE)}, and {GAUGE_ERRORS:g} standard errors",
    ),
    Rule("invalid", energy.counter_reset),
    Rule(
        "invalid",
        load.other_client,
        f"{TOLERANCE_REQUESTS:g} requests, and {percent(TOLERANCE_RATIO)}",
    ),
    Rule("invalid", run.second_run),
    Rule("invalid", run.several_generators),
    Rule("invalid", run.phases_overlap),
    Rule("invalid", run.phases_out_of_order),
    Rule("invalid", load.images_exceed_queries, percent(load.IMAGES_TOLERANCE)),
    Rule("invalid", load.images_below_queries, percent(load.IMAGES_TOLERANCE)),
    Rule("invalid", load.counts_unsettled),
    Rule("invalid", energy.device_not_covered),
    Rule("invalid", energy.device_in_parts),
    Rule("invalid", run.machine_changed),
    Rule("invalid", run.idle_too_short, _LENGTH),
    Rule("invalid", run.warmup_too_short, _LENGTH),
    Rule(
        "invalid",
        energy.idle_not_idle,
        f"{percent(energy.LEAST_NET)} of gross; "
        f"{percent(energy.MOST_IDLE_SPREAD)} of what the load adds",
    ),
    Rule("invalid", model.model_changed),
    Rule("invalid", model.variants_are_one_model),
    Rule("invalid", run.start_temperatures_apart, f"{run.MOST_START_DIFFERENCE:g} °C"),
    Rule(
        "invalid",
        energy.repeats_vary,
        f"{percent(energy.MOST_VARIATION)}, from {energy.REPEATS_TO_JUDGE_VARIATION} repeats on",
    ),
    Rule(
        "invalid",
        load.generator_cpu_above_90_percent,
        f"{percent(load.MOST_GENERATOR_CPU)} of a core",
    ),
    Rule("invalid", run.throttled),
    Rule("invalid", load.errors_or_drops, percent(load.MOST_LOST)),
    Rule("invalid", load.load_interrupted),
    Rule("invalid", load.latency_bound_missed),
    Rule("invalid", model.int8_quality_below_99_percent, percent(model.LEAST_QUALITY)),
    Rule("invalid", model.quality_below_99_percent, percent(model.LEAST_QUALITY)),
    Rule("invalid", model.agreement_far_off, f"{LEAST_AGREEMENT:g}; {MOST_RELATIVE_ERROR:g}"),
    Rule("invalid", run.clocks_apart, f"{percent(run.MOST_CLOCK_OFFSET)} of the load"),
    Rule("indicative", energy.error_bound_too_large, _BOUND),
    Rule("indicative", load.latency_bound_not_shown),
    Rule("indicative", load.min_queries_not_reached),
    Rule("indicative", model.int8_computed_in_fp32),
    Rule("indicative", model.fp16_computed_in_fp32),
    Rule("indicative", run.profile_quick),
    Rule("indicative", run.profile_check),
    Rule("indicative", run.profile_unknown),
    Rule("indicative", energy.modelled_power),
    Rule("indicative", run.generator_on_device),
    Rule("indicative", missing.temperature_not_measured),
    Rule("indicative", missing.warmup_not_recorded),
    Rule("indicative", missing.source_not_recorded),
    Rule("indicative", missing.cooldown_unwatched),
    Rule("indicative", missing.clocks_not_recorded),
    Rule("indicative", missing.idle_not_measured),
    Rule("indicative", missing.requests_not_recorded),
    Rule("indicative", missing.generator_cpu_not_recorded),
    Rule("indicative", missing.model_not_recorded),
    Rule(
        "indicative",
        model.agreement_far_off_on_drawn,
        f"{LEAST_AGREEMENT:g}; {MOST_RELATIVE_ERROR:g}",
    ),
    Rule("indicative", model.agreement_only),
    Rule("indicative", missing.quality_not_recorded),
    Rule("indicative", missing.sensor_state_not_recorded),
    Rule("indicative", missing.uncertainty_not_recorded),
)
"""The gravest first."""

NET_RULES: tuple[Rule, ...] = (Rule("indicative", energy.net_not_resolved, _BOUND),)
"""What holds for net energy alone."""
