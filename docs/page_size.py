"""The table of `docs/metrics.md` of how many series a page has, from a page that is made."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import full_page
from page_table import table

_ABOUT = (
    "Of a service with three tasks in two variants, every protocol used with four statuses, a "
    "sensor of two domains and another of two zones (`tests/full_page.py`). At most 1,500 are "
    "allowed (`tests/unit/serving/test_observations.py`). A histogram has a series for each "
    "bucket, and two more; of the request's duration there are six stages."
)


def size() -> str:
    """Families by the number of their series, the largest first."""
    counts = full_page.series(full_page.registry().collect())
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [(f"`{name}`", str(count)) for name, count in rows]
    total = ("**all**", f"**{sum(counts.values())}**")
    counted = table(("family", "series"), [*lines, total])
    return f"\n### How many series a page has\n\n{_ABOUT}\n\n{counted}\n"
