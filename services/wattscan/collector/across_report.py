"""Several targets as one report, and its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wattscan.collector.across import Across, across
from wattscan.collector.across_json import across_json
from wattscan.collector.across_ratio import ratios_table
from wattscan.collector.across_rows import figures, runs
from wattscan.collector.across_text import cautions, headline
from wattscan.collector.projection import NOTHING_ASSUMED, Assumptions
from wattscan.collector.render_csv import csv_table
from wattscan.collector.render_markdown import markdown
from wattscan.collector.report import collect, write, write_files
from wattscan.collector.tables import Table

JSON = "targets.json"
_UNFIT = re.compile(r"[^\w.+:@-]+")


def collect_across(
    sources: Sequence[tuple[str, str | None]], assumptions: Assumptions = NOTHING_ASSUMED
) -> Across:
    """Reduce a run of each source: the one that is named beside it, or its newest.

    Raises: WattscanError.
    """
    return across([collect(source, run, assumptions) for source, run in sources])


def tables_of(found: Across) -> tuple[Table, ...]:
    """The tables across targets; that of ratios only where there is any."""
    ratios = ratios_table(found)
    return (figures(found), *([ratios] if ratios.rows else []), runs(found))


def page(found: Across) -> str:
    """The tables across targets and then those of each run, as one Markdown page."""
    runs_of = (target.report.markdown() for target in found.targets)
    return "\n".join([_markdown(found, tables_of(found)), *runs_of])


def summary(found: Across) -> str:
    """What `bench` prints: the figures of all targets, and the ratios between them."""
    return _markdown(found, tables_of(found)[:-1])


def _markdown(found: Across, tables: Sequence[Table]) -> str:
    title = f"Wattscan: {len(found.targets)} target{'s' * (len(found.targets) > 1)}"
    return markdown(title, headline(found), tables, cautions(found))


def folders_of(found: Across) -> dict[str, str]:
    """The folder of each target's own report below the common one's, by the target's name: what
    its run is called, in characters that any file system takes."""
    folders: dict[str, str] = {}
    for target in found.targets:
        name = _UNFIT.sub("_", target.measured.run.name).strip(".") or "run"
        number, folder = 1, name
        while folder in folders.values():
            number += 1
            folder = f"{name}-{number}"
        folders[target.name] = folder
    return folders


def write_across(found: Across, out: Path) -> list[Path]:
    """Write tables.md, a CSV for each table, targets.json and report.html.

    The runs' own reports are expected in the folders of `folders_of`: `write_runs` writes them.

    Returns:
        The files, in that order.

    Raises:
        WattscanError: the folder cannot be written to, or the `collector` extra is not installed.
    """
    from wattscan.collector.across_html import html  # jinja2 is an extra

    folders, tables = folders_of(found), (figures(found), ratios_table(found), runs(found))
    files = {"tables.md": page(found)}
    files |= {f"{table.name}.csv": csv_table(table) for table in tables}
    files[JSON] = across_json(found, folders)
    files["report.html"] = html(found, tables_of(found), folders)
    return write_files(files, out)


def write_runs(found: Across, out: Path) -> None:
    """Write each run's own tables and report into its folder below `out`. Raises: WattscanError."""
    folders = folders_of(found)
    for target in found.targets:
        write(target.report, out / folders[target.name])
