"""Which run is meant, and whether its series are of one run."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan import metrics
from wattscan.collector.series import EARLIEST, Last, Source, label
from wattscan.contracts import WattscanError
from wattscan.profiles import DEFAULT_REFERENCE


def check_one_run(name: str, infos: Sequence[Last]) -> None:
    """Raises: WattscanError: several runs share the name."""
    named = {(label(i.labels, "target"), label(i.labels, "target_instance")) for i in infos}
    if len(named) != 1:
        raise WattscanError(f"run {name} names more than one target: it cannot be told apart")
    for fact in ("profile", "scenario", "reference"):
        # A part of an earlier version says nothing of the reference.
        default = DEFAULT_REFERENCE if fact == "reference" else ""
        told = sorted({info.labels.get(fact, default) for info in infos})
        if len(told) > 1:
            raise WattscanError(
                f"run {name} has more than one {fact}: {', '.join(told)}; two runs share its name"
            )


def newest(source: Source, infos: Sequence[Last]) -> str:
    """The name of the newest run."""
    starts = source.last(metrics.RUN_PHASE_START.name, {}, None, None)
    known = {info.labels["run"] for info in infos}
    begun = [(start.value, start.labels.get("run", "")) for start in starts]
    return max((entry for entry in begun if entry[1] in known), default=(0.0, min(known)))[1]


def no_such_run(source: Source, name: str | None) -> str:
    """A sentence that names the runs that there are."""
    infos = source.last(metrics.RUN_INFO.name, {}, EARLIEST, None)
    known = {info.labels.get("run", "") for info in infos} - {""}
    if not known:
        return f"there is no run in {source.name}"
    return f"there is no run {name!r} in {source.name}; there is: {', '.join(sorted(known))}"
