"""What shaped a run's load, as its generator told it: the workload and its rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wattscan import metrics
from wattscan.collector.series import Source, label
from wattscan.contracts import WattscanError

_STREAMS = 8.0
_TYPED = "wattscan.v1"


@dataclass(frozen=True)
class RunWorkload:
    """Empty where it is not on record, as in a recording of an earlier version.

    Attributes:
        settings: the labels of `wattscan_run_workload_info`, those that are not empty.
        rates: queries a second of each task (Server).
        highest_rates: by task and precision, where they were looked for.
        senders: how many processes sent, 0 where that is not told.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    highest_rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    senders: int = 0

    @property
    def facts(self) -> Mapping[str, str]:
        """All that shaped the load, as it is told."""
        rates = {f"rate of {task}": f"{rate:g}" for task, rate in self.rates.items()}
        senders = {"senders": str(self.senders)} if self.senders else {}
        return {**self.settings, **rates, **senders}

    @property
    def latency_bound(self) -> float | None:
        """Seconds that the percentile must keep; None for none."""
        return _number(self.settings.get("latency_bound", "")) or None

    @property
    def latency_percentile(self) -> float:
        """In percent."""
        return _number(self.settings.get("latency_percentile", "")) or 99.0

    @property
    def min_queries(self) -> int:
        """Queries of a load phase at least."""
        return int(_number(self.settings.get("min_queries", "")))

    def images_per_query(self, scenario: str) -> float:
        """Images that each query brings."""
        if scenario == "MultiStream":
            return _STREAMS
        return _number(self.settings.get("batch", "")) or 1.0

    def requests_per_query(self, scenario: str) -> tuple[float, float]:
        """The least and the most requests that a query is: over a tensor protocol one for all its
        images, where the model takes batches."""
        if scenario != "MultiStream":
            return 1.0, 1.0
        protocol = self.settings.get("protocol", _TYPED)
        return (_STREAMS, _STREAMS) if protocol == _TYPED else (1.0, _STREAMS)


def read_workload(source: Source, run: str) -> RunWorkload:
    """Raises: WattscanError: two runs share the name."""
    infos = source.last(metrics.RUN_WORKLOAD_INFO.name, {"run": run}, None, None)
    told = {
        tuple((name, info.labels.get(name, "")) for name in metrics.WORKLOAD_SETTINGS)
        for info in infos
    }
    if len(told) > 1:
        apart = sorted({key for one in told for key in dict(set(one) ^ set(min(told)))})
        raise WattscanError(
            f"run {run} has more than one workload, which differ in {', '.join(apart)}; two runs "
            "share its name"
        )
    matchers = {"run": run}
    rates = source.last(metrics.RUN_RATE.name, matchers, None, None)
    highest = source.last(metrics.RUN_HIGHEST_RATE.name, matchers, None, None)
    senders = source.last(metrics.RUN_SENDERS.name, matchers, None, None)
    return RunWorkload(
        settings={name: value for one in told for name, value in one if value},
        rates={label(each.labels, "task"): each.value for each in rates},
        highest_rates={
            (label(each.labels, "task"), label(each.labels, "precision")): each.value
            for each in highest
        },
        senders=max((int(each.value) for each in senders), default=0),
    )


def described(workload: RunWorkload, scenario: str) -> str:
    """In a few words, what is not as it is by default; the workload's name first."""
    known = dict(workload.settings)
    for key in _OF_OTHER_SCENARIOS.get(scenario, ()):
        known.pop(key, None)
    name = known.pop("name", "")
    said = [name] if name and name != "custom" else []
    said += [f"{_words(key)} {value}" for key, value in known.items() if value not in _USUAL[key]]
    if workload.senders > 1:
        said.append(f"sent by {workload.senders} processes")
    return ", ".join(said)


# What shapes no load of a scenario.
_OF_OTHER_SCENARIOS: Mapping[str, tuple[str, ...]] = {
    "SingleStream": ("rate", "in_flight"), "MultiStream": ("rate", "in_flight"),
    "Offline": ("rate",),
}  # fmt: skip
# What is told by its absence.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "name": (), "protocol": (), "clients": ("1",), "rate": (), "in_flight": (), "batch": ("1",),
    "images": ("phantom",), "latency_bound": ("0",), "latency_percentile": ("99",),
    "min_seconds": ("0",), "min_queries": ("0",), "shape": (), "schedule": (), "find_rate": ("no",),
}  # fmt: skip


def _words(key: str) -> str:
    return key.replace("_", " ")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
