"""What a dashboard consists of, in our own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "table", "timeline", "heatmap"]
Step = tuple[float | None, str]
"""A threshold: from this value on (None: from the lowest) that color."""

NO_STEPS: tuple[Step, ...] = ()
ZERO_IS_GOOD: tuple[Step, ...] = ((None, "green"), (1, "red"))
ONE_IS_GOOD: tuple[Step, ...] = ((None, "red"), (1, "green"))


@dataclass(frozen=True)
class Query:
    """A query and the text of its legend. `now`: one value for the end of the range.
    `exemplars`: with the traces of single requests, where Prometheus keeps them.
    """

    expr: str
    legend: str = ""
    now: bool = False
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel. `description` says what it answers; `unit` is Grafana's name of one.

    `wide`: over the whole width, else over half of it. `top`: the highest value of its axis.
    """

    kind: Kind
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    steps: tuple[Step, ...] = NO_STEPS
    wide: bool = False
    stacked: bool = False
    top: float | None = None


@dataclass(frozen=True)
class PanelRow:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard. `link` is the uid of the one that its panels lead to; `of_run`: it is about one
    run, has a variable for it, and shows its phases as annotations. `span` is how far back it looks
    at first.
    """

    uid: str
    title: str
    description: str
    link: str
    link_title: str
    span: str
    rows: tuple[PanelRow, ...]
    of_run: bool = False
