"""A table as every renderer takes it, and how its figures are written.

A table is one module of this package whose name ends in `_table`: it has `ORDER` (its place in the
report) and `build(measured) -> Table`. That is all it takes to add one.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from wattscan.collector.names import title_of

if TYPE_CHECKING:
    from wattscan.collector.measured import Measured

Value: TypeAlias = str | float | None
NOT_MEASURED = "not measured"
_DIGITS = 4
# What a reader sees as words; in CSV and JSON they stay as they are.
_LABELS = ("task", "precision")


@dataclass(frozen=True)
class Column:
    """One column: its key in CSV and JSON, its heading, and its unit ("" for none).

    A column that is not `shown` is in the CSV and the JSON only.
    """

    key: str
    heading: str
    unit: str = ""
    shown: bool = True

    @property
    def title(self) -> str:
        """Heading and unit."""
        return f"{self.heading} [{self.unit}]" if self.unit else self.heading


@dataclass(frozen=True)
class Row:
    """One row: a value for each column's key. None is shown as "not measured", or as `missing`
    has it for that key."""

    values: Mapping[str, Value]
    missing: Mapping[str, str] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """The value as it is shown."""
        value = self.values.get(key)
        if value is None:
            return self.missing.get(key, NOT_MEASURED)
        return value if isinstance(value, str) else number(value)


@dataclass(frozen=True)
class Layout:
    """How a table is shown where that differs from its rows: headings, and rows of text."""

    headings: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Table:
    """One table. `rows` carry target, task and precision; `layout` is what a reader sees;
    `reasons` says of each row why it is not valid."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    layout: Layout | None = None

    @property
    def shown(self) -> Layout:
        """The layout; without one, the shown columns of the rows."""
        if self.layout:
            return self.layout
        columns = [column for column in self.columns if column.shown]
        body = tuple(tuple(_shown(row, column.key) for column in columns) for row in self.rows)
        return Layout(tuple(column.title for column in columns), body)


def _shown(row: Row, key: str) -> str:
    text = row.text(key)
    return title_of(text) if key in _LABELS and row.values.get(key) is not None else text


def build_tables(measured: Measured) -> tuple[Table, ...]:
    """Every table of this package, in their order."""
    package = importlib.import_module("wattscan.collector")
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name.endswith("_table")]
    modules = [importlib.import_module(f"wattscan.collector.{name}") for name in names]
    modules.sort(key=lambda module: module.ORDER)
    tables: tuple[Table, ...] = tuple(module.build(measured) for module in modules)
    return tables


def number(value: float, digits: int = _DIGITS, within: float = math.inf) -> str:
    """A number with so many significant digits, never with an exponent; and with as many as show
    the first one of `within`, which it is known to."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    if 0 < within < math.inf:
        places = max(places, -math.floor(math.log10(within)))
    return f"{value:.{places}f}"
