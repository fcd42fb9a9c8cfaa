"""Parts of queries. Names come from the metric contract alone."""

from __future__ import annotations

from wattscan import metrics
from wattscan.metrics import Metric

TARGET = 'target=~"$target", instance=~"$instance"'
MODEL = f'{TARGET}, task=~"$task", precision=~"$variant"'
# What a run says of a target has the generator's instance, not the target's.
RUN = 'run="$run"'
CELL = f'{RUN}, task=~"$task", precision=~"$variant"'
ALERTS = 'ALERTS{alertname=~"Wattscan.+"'
_SOURCE = "job, instance, target, sensor, domain, scope, method"
_PHASE = "run, target, task, precision, repeat, phase"


def of(metric: Metric | str, labels: str, part: str = "") -> str:
    """The series with those labels; `part` is a histogram's bucket, sum or count."""
    name = metric if isinstance(metric, str) else metric.name
    return f"{name}{part and '_'}{part}{{{labels}}}"


def rate(series: str) -> str:
    """A second's increase."""
    return f"rate({series}[$__rate_interval])"


def latest(series: str) -> str:
    """The last value within the range, even if the series has ended."""
    return f"last_over_time({series}[$__range])"


def total(expr: str, by: str, how: str = "sum") -> str:
    """Summed over all other labels."""
    return f"{how} by ({by}) ({expr})"


def table_source(expr: str, info: str = "") -> str:
    """Only the domain that the energy table reads, of an expression over series of domains."""
    source = info or of(metrics.ENERGY_SOURCE_INFO, f'{TARGET}, use="table"')
    return f"{expr} * on ({_SOURCE}) group_left () max by ({_SOURCE}) ({source})"


def power() -> str:
    """Of the domain that the energy table reads."""
    return table_source(of(metrics.POWER_WATTS, TARGET))


def energy_of_range() -> str:
    """What the counter shows at the range's end more than at its beginning. `increase` would add
    what it guesses at the edges."""
    joules = of(metrics.ENERGY_JOULES, TARGET)
    info = latest(of(metrics.ENERGY_SOURCE_INFO, f'{TARGET}, use="table"'))
    moved = f"(max_over_time({joules}[$__range]) - min_over_time({joules}[$__range]))"
    return table_source(moved, info)


def quantile(share: float, histogram: str, by: str) -> str:
    """Of a histogram's rate or sum of buckets."""
    return f"histogram_quantile({share}, sum by ({by}, le) ({histogram}))"


def buckets(metric: Metric, labels: str) -> str:
    """For a heat map."""
    return f"sum by (le) ({rate(of(metric, labels, 'bucket'))})"


def phase_now(labels: str) -> str:
    """1 for each phase that has begun and not ended."""
    start, end = of(metrics.RUN_PHASE_START, labels), of(metrics.RUN_PHASE_END, labels)
    return f"(({start} unless on ({_PHASE}) {end}) > bool 0)"


def power_under_load() -> str:
    """The power of the target of the run, while it is under load, with task and variant."""
    load = total(phase_now(f'{CELL}, phase="load"'), "target, task, precision", "max")
    return f"{total(power(), 'target')} * on (target) group_right () {load}"
