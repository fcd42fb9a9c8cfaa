"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.collector.tables import Table


def markdown(
    title: str, summary: str, tables: Sequence[Table], warnings: Sequence[str] = ()
) -> str:
    """A page: title, summary, warnings, tables. Every value is escaped."""
    parts = [f"# {escaped(title)}", escaped(summary)]
    if warnings:
        parts.append("\n".join(f"- Warning. {escaped(warning)}" for warning in warnings))
    parts += [markdown_table(table) for table in tables]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """One table with its heading, caption and notes."""
    shown = table.shown
    rows = [[escaped(cell) for cell in row] for row in (shown.headings, *shown.body)]
    # Padded, so that a terminal shows columns too.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, _line(["-" * width for width in widths], widths))
    notes = [f"- {escaped(note)}" for note in (*table.notes, *table.reasons)]
    parts = [f"## {escaped(table.title)}", escaped(table.caption), "\n".join(lines)]
    return "\n\n".join([*parts, "\n".join(notes)]).rstrip()


def escaped(text: str) -> str:
    """Text that Markdown, and the HTML in it, takes as it is."""
    plain = " ".join(text.split())
    for sign, safe in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "\\`"),
        ("](", "\\]("),
    ):
        plain = plain.replace(sign, safe)
    return plain


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
