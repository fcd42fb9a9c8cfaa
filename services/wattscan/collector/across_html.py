"""Several targets as one page: what they cost side by side, then each run in short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from wattscan import plugins
from wattscan.collector.across import Across, MeasuredTarget
from wattscan.collector.across_text import cautions, headline
from wattscan.collector.reasons import Verdict
from wattscan.collector.render_html import (
    ExplainedReason,
    ShownTable,
    explained,
    run_facts,
    shown,
    template,
)
from wattscan.collector.tables import Table

_TEMPLATE = "across.html.j2"


@dataclass(frozen=True)
class _ShownRun:
    """One run as the template takes it; `href` is its own page, relative to this one."""

    name: str
    title: str
    verdict: Verdict
    headline: str
    href: str
    warnings: Sequence[str]
    reasons: Sequence[ExplainedReason]
    tables: Sequence[ShownTable]
    facts: Sequence[tuple[str, str]]


def html(across: Across, tables: Sequence[Table], folders: Mapping[str, str]) -> str:
    """The page. Every value is escaped; it asks for nothing, and links to the runs' own pages.

    Raises: WattscanError without the `collector` extra.
    """
    jinja2 = plugins.sdk("jinja2", "collector")
    page: str = template(jinja2, _TEMPLATE).render(
        names=[target.name for target in across.targets],
        verdict=across.verdict,
        headline=headline(across),
        warnings=cautions(across),
        tables=[shown(table) for table in tables],
        runs=[_run(target, folders[target.name]) for target in across.targets],
    )
    return page


def _run(target: MeasuredTarget, folder: str) -> _ShownRun:
    report = target.report
    return _ShownRun(
        name=target.name,
        title=target.measured.target_title,
        verdict=report.verdict,
        headline=report.headline,
        href=f"{quote(folder)}/report.html",
        warnings=report.warnings,
        reasons=explained(target.measured),
        tables=[shown(table) for table in report.tables],
        facts=run_facts(target.measured),
    )
