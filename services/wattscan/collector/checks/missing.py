"""Checks of what is missing: evidence that `valid` requires and that was not recorded."""

from __future__ import annotations

from wattscan.collector.cells import WindowFigures
from wattscan.collector.evidence import Evidence, repeats
from wattscan.collector.names import listed, title_of


def temperature_not_measured(evidence: Evidence) -> str | None:
    """A window has no start temperature."""
    bare = [w for w in evidence.windows if w.start_temperature is None]
    return f"The temperature was not measured in {repeats(bare)}." if bare else None


def source_not_recorded(evidence: Evidence) -> str | None:
    """Which domain the tables read was not recorded."""
    bare = [w for w in _ended(evidence) if w.gross is not None and not w.source_told]
    if not bare:
        return None
    return f"Which domain the tables read is not on record in {repeats(bare)}."


def warmup_not_recorded(evidence: Evidence) -> str | None:
    """No warm-up was recorded before a load."""
    bare = [w for w in _ended(evidence) if w.warmup_duration is None]
    return f"No warm-up is on record before the load of {repeats(bare)}." if bare else None


def cooldown_unwatched(evidence: Evidence) -> str | None:
    """No temperature was available to end a cooldown by."""
    count = evidence.record.cooldowns_unwatched
    if not count:
        return None
    return (
        f"{count} cooldown{'s' * (count > 1)} of the run ran to the limit, because there was no "
        "temperature to end them by: whether the device was cool is not known."
    )


def clocks_not_recorded(evidence: Evidence) -> str | None:
    """Whether the clocks of generator and recorder agree was not recorded."""
    if evidence.record.clocks is not None:
        return None
    return "Nothing on record tells whether the clocks of generator and recorder agree."


def idle_not_measured(evidence: Evidence) -> str | None:
    """A window has no idle power, and so no net energy."""
    bare = [w for w in evidence.windows if w.gross is not None and w.net is None]
    return f"The idle power was not measured in {repeats(bare)}: no net energy." if bare else None


def requests_not_recorded(evidence: Evidence) -> str | None:
    """Answered, failed and dropped queries were not all recorded."""
    bare = [w for w in _ended(evidence) if w.queries is None or not w.queries.whole]
    if not bare:
        return None
    return f"Requests, errors and drops are not all on record in {repeats(bare)}."


def generator_cpu_not_recorded(evidence: Evidence) -> str | None:
    """The load generator's processor use was not recorded."""
    bare = [w for w in _ended(evidence) if w.generator_cpu_ratio is None]
    if not bare:
        return None
    return f"The load generator's processor use is not on record in {repeats(bare)}."


def model_not_recorded(evidence: Evidence) -> str | None:
    """The model's SHA-256 or its engine's backend, provider or format was not recorded."""
    facts = evidence.cell.models
    bare = [w for w in _ended(evidence) if not w.model_told]
    if facts and bare:
        return f"The model that ran is not on record in {repeats(bare)}."
    if facts and all(f.sha256 and f.backend and f.provider and f.format for f in facts):
        return None
    return "The model that ran is not on record: its SHA-256, its engine, or both are missing."


def quality_not_recorded(evidence: Evidence) -> str | None:
    """The files that ran have no quality for variant and reference by the same metric on the same
    data set; a single variant needs only its own quality.
    """
    if evidence.agreements and not evidence.quality_told:
        return None  # it has a reason of its own
    if not evidence.quality_ratios:
        told = evidence.quality_told
        return None if told else "The quality of the model that ran is not on record."
    if any(ratio is not None for ratio in evidence.quality_ratios.values()):
        return None
    names = [title_of(name) for name in (evidence.run.reference, *evidence.quality_ratios)]
    return (
        f"The quality of the {listed(names)} models that ran, by one metric and on one data set, "
        "is not on record."
    )


def sensor_state_not_recorded(evidence: Evidence) -> str | None:
    """Whether the sensor could be read at the start and end of phases was not recorded."""
    if evidence.table is None:
        return None
    if evidence.table.up is None:
        return f"Whether the sensor {evidence.table.sensor} could be read is not on record."
    # Where its counter is not there either, it is down.
    bare = [w for w in _ended(evidence) if not (w.state_told or w.down_at_edge)]
    if not bare:
        return None
    return (
        f"Whether the sensor {evidence.table.sensor} could be read is not on record at the edges "
        f"of {repeats(bare)}."
    )


def uncertainty_not_recorded(evidence: Evidence) -> str | None:
    """The sensor's uncertainty was not recorded."""
    if evidence.table is None or evidence.table.uncertainty_ratio is not None:
        return None
    return f"The uncertainty of the sensor {evidence.table.sensor} is not on record."


def _ended(evidence: Evidence) -> list[WindowFigures]:
    """The windows whose load has ended; an interrupted window lacks more than evidence."""
    return [window for window in evidence.windows if window.duration is not None]
