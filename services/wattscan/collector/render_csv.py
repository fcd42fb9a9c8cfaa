"""Tables as CSV: full precision, a column for each key; a figure that was not measured is empty."""

from __future__ import annotations

import csv
import io

from wattscan.collector.tables import Table, Value

# A spreadsheet would take text that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_table(table: Table) -> str:
    """One table; its rows carry target, task and precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in table.columns])
    for row in table.rows:
        writer.writerow([_field(row.values.get(column.key)) for column in table.columns])
    return text.getvalue()


def _field(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    return repr(value)
