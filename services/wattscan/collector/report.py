"""From a source to a report, and from a report to its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wattscan.collector.headline import headline, verdict
from wattscan.collector.measure import measure
from wattscan.collector.measured import Measured
from wattscan.collector.paper_page import paper_tables
from wattscan.collector.projection import NOTHING_ASSUMED, Assumptions
from wattscan.collector.prometheus import Prometheus
from wattscan.collector.reasons import Verdict
from wattscan.collector.recording import read_recording
from wattscan.collector.render_csv import csv_table
from wattscan.collector.render_json import json_text
from wattscan.collector.render_markdown import markdown, markdown_table
from wattscan.collector.render_openmetrics import openmetrics
from wattscan.collector.run_folder import read_warnings, recording_in
from wattscan.collector.series import Source
from wattscan.collector.slow_steps import told_when_slow
from wattscan.collector.tables import Table, build_tables
from wattscan.contracts import WattscanError

TOKEN_VARIABLE = "WATTSCAN_PROMETHEUS_TOKEN"  # noqa: S105 - a variable's name


@dataclass(frozen=True, eq=False)
class Report:
    """A run, reduced: its figures, its tables, where they came from, and what `bench` warned of
    when the run began."""

    measured: Measured
    tables: tuple[Table, ...]
    source: str
    warnings: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its cells."""
        return verdict(self.measured)

    @property
    def headline(self) -> str:
        """What it says in plain words."""
        return headline(self.measured, self.warnings)

    def markdown(self) -> str:
        """Every table as one Markdown page."""
        run = self.measured.run
        return markdown(f"Wattscan: run {run.name}", self.headline, self.tables, self.warnings)

    def paper(self) -> str:
        """The paper's Tables 1 and 2 with ours beside them, as Markdown."""
        return "\n\n".join(map(markdown_table, paper_tables(self.measured))) + "\n"

    def table(self, name: str) -> str:
        """One table as Markdown."""
        found = next(table for table in self.tables if table.name == name)
        return markdown_table(found) + "\n"


def open_source(source: str) -> Source:
    """A recording's path, that of a run's folder, or the address of a Prometheus HTTP API (http://
    or https://).

    A bearer token for the server is taken from the environment variable TOKEN_VARIABLE.

    Raises:
        WattscanError: no such file, not a recording, or an address of another kind.
    """
    if not source:
        raise WattscanError(
            "a run is named by an empty text: give its folder or recording, or a server"
        )
    if "://" in source:
        return Prometheus(source, os.environ.get(TOKEN_VARIABLE))
    return read_recording(recording_in(Path(source)))


def collect(
    source: str, run: str | None = None, assumptions: Assumptions = NOTHING_ASSUMED
) -> Report:
    """Reduce a run, the newest where none is named. Raises: WattscanError."""
    with told_when_slow(f"Reading {source}"):
        report = report_of(open_source(source), run, assumptions)
    is_server = "://" in source
    warnings = () if is_server else read_warnings(recording_in(Path(source)))
    return replace(report, warnings=warnings)


def report_of(
    source: Source, run: str | None = None, assumptions: Assumptions = NOTHING_ASSUMED
) -> Report:
    """As `collect`, from a source that is open. Raises: WattscanError."""
    measured = replace(measure(source, run), assumptions=assumptions)
    return Report(measured, build_tables(measured), source.name)


def write(report: Report, out: Path) -> list[Path]:
    """Write tables.md, a CSV for each table, tables.json, cells.om and report.html.

    Returns:
        The files, in that order.

    Raises:
        WattscanError: the folder cannot be written to, or the `collector` extra is not installed.
    """
    from wattscan.collector.render_html import html  # matplotlib and jinja2 are an extra

    measured = report.measured
    files = {"tables.md": report.markdown()}
    files |= {f"{table.name}.csv": csv_table(table) for table in report.tables}
    files["tables.json"] = json_text(measured, report.tables, report.source, report.warnings)
    files["cells.om"] = openmetrics(measured)
    files["report.html"] = html(measured, report.tables, report.warnings)
    return write_files(files, out)


def write_files(files: Mapping[str, str], out: Path) -> list[Path]:
    """Write texts by their names into a folder; returns their paths. Raises: WattscanError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise WattscanError(f"{out} cannot be written to: {error.strerror}") from None
    return [out / name for name in files]
