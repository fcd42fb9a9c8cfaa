"""What a verification says: a page in Markdown for `docs/devices/`, or JSON."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wattscan.contracts import printable
from wattscan.telemetry.verify.results import Result

_SEND_IN = (
    "Add this file to `docs/devices/` of Wattscan's repository in a pull request, as it is: what "
    "differs is worth as much as what agrees. It names no host and no user. Say in the pull "
    "request how the device is cooled and powered, if you know."
)
_VERDICTS = (
    "**agrees**: within the threshold that its row names; **differs**: not within it; **not "
    "measurable here**: the row says why. That two sources agree does not make them right: sources "
    "of one device often share a sensor, and only a meter of its own can tell."
)


@dataclass(frozen=True)
class Section:
    """One check of all sources. Where there is nothing to check, its one row says so."""

    title: str
    note: str
    results: Sequence[Result]


@dataclass(frozen=True)
class VerifyReport:
    """A whole verification. `machine`, `devices` and `conditions`: what -> its value."""

    target: str
    title: str
    date: datetime.date
    command: str
    machine: Mapping[str, str]
    devices: Mapping[str, str]
    conditions: Mapping[str, str]
    absent: Mapping[str, str]
    sections: Sequence[Section]

    @property
    def differs(self) -> list[tuple[Section, Result]]:
        """The rows that differ."""
        return [(s, r) for s in self.sections for r in s.results if r.verdict == "differs"]


def data(report: VerifyReport) -> dict[str, Any]:
    """The same as the page, in base units where a figure's heading names no other."""
    return {**asdict(report), "date": report.date.isoformat()}


def summary(report: VerifyReport) -> str:
    """One paragraph."""
    counts = Counter(result.verdict for s in report.sections for result in s.results)
    told = [
        f"On {report.date} (UTC), the sensors of the target `{report.target}` were checked. Of "
        f"{counts.total()} checks, {counts['agrees']} agree, {counts['differs']} differ, and "
        f"{counts['not measurable here']} could not be made here."
    ]
    if report.differs:
        rows = (f"{s.title.lower()}, {r.subject} ({r.why})" for s, r in report.differs)
        told.append(f"What differs: {'; '.join(rows)}.")
    elif counts["agrees"]:
        told.append("Nothing differs.")
    return _safe(" ".join(told))


def markdown(report: VerifyReport) -> str:
    """The page."""
    devices = ", ".join(v for k, v in report.devices.items() if k != "driver") or report.title
    facts = {k: v for k, v in report.machine.items() if k not in report.devices}  # one driver
    parts = [
        f"# {_safe(devices)}: target {_safe(report.target)}, {report.date}",
        summary(report),
        f"    {printable(report.command)}",
        "## Device and machine",
        _table(("what", "value"), {**report.devices, **facts}.items()),
        "## Conditions",
        _table(("what", "value"), report.conditions.items()),
        "## Verdicts",
        _VERDICTS,
    ]
    for section in report.sections:
        parts += [f"## {section.title}", section.note, _results(section.results)]
    if report.absent:
        parts += [
            "## Sensors of the target that are not here",
            _table(("sensor", "reason"), report.absent.items()),
        ]
    parts += ["## How to send this page in", _SEND_IN]
    return "\n\n".join(parts) + "\n"


def _results(results: Sequence[Result]) -> str:
    headings = list(dict.fromkeys(key for result in results for key in result.figures))
    rows = [
        (r.subject, *(_figure(r.figures.get(key)) for key in headings), r.verdict, r.why)
        for r in results
    ]
    return _table(("of", *headings, "verdict", "why"), rows)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_safe, line))} |" for line in lines)


def _safe(text: str) -> str:
    """What a device calls itself must break neither a table nor the page."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
