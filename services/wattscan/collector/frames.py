"""A run's tables as pandas frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattscan import plugins
from wattscan.collector.report import collect

if TYPE_CHECKING:
    import pandas


def load_tables(run: str | Path, *, run_id: str | None = None) -> dict[str, pandas.DataFrame]:
    """Reduce a run, and give its tables by name: `energy`, `paper`, `quality`,
    `projections`.

    Args:
        run: the folder of a run, a recording, or the address of a Prometheus HTTP API.
        run_id: which run of several; the newest unless given.

    Returns:
        Frames with a row for each of a table's rows and a column for each of its CSV's; what was
        not measured is missing (NaN or None), never 0.

    Raises:
        WattscanError: the source cannot be read; or pandas is not installed (extra `pandas`).
    """
    pandas: Any = plugins.sdk("pandas", "pandas")
    frames = {}
    for table in collect(str(run), run_id).tables:
        keys = [column.key for column in table.columns]
        rows = [[row.values.get(key) for key in keys] for row in table.rows]
        frame = pandas.DataFrame(rows, columns=keys)
        # A figure that no row has is a figure all the same.
        empty = [key for key in keys if frame[key].isna().all()]
        frames[table.name] = frame.astype(dict.fromkeys(empty, float))
    return frames
