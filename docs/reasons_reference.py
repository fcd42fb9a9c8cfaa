"""The table of `docs/measurement.md`: every reason of a verdict, and its limit."""

from __future__ import annotations

import inspect

from page_table import table
from wattscan.collector.verdict import NET_RULES, RULES, Rule


def tables() -> str:
    """The text between the page's marks."""
    heading = ("reason", "verdict", "the record shows", "limit")
    return f"\n{table(heading, [_row(rule) for rule in (*RULES, *NET_RULES)])}\n"


def _row(rule: Rule) -> tuple[str, ...]:
    shows = " ".join((inspect.getdoc(rule.check) or "").split())
    return f"`{rule.code}`", f"`{rule.verdict}`", shows.rstrip("."), rule.limit
