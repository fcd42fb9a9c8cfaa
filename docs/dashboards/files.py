"""The files of the dashboards, and the tables of `docs/dashboards.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, GridPos

from dashboards import fleet, panels, run, target, variables
from dashboards.spec import Board, Panel, PanelRow
from page_table import table

FOLDER = Path("docker/grafana/dashboards")
BOARDS = (fleet.BOARD, target.BOARD, run.BOARD)
_WIDTH = 24


def files() -> dict[Path, str]:
    """Path -> JSON of every dashboard."""
    return {
        FOLDER / f"{board.uid.removeprefix('wattscan-')}.json": _json(board) for board in BOARDS
    }


def tables() -> str:
    """What each panel answers."""
    parts = []
    for board in BOARDS:
        rows = [
            (panel.title, panel.description, f"`{panel.unit}`")
            for row in board.rows
            for panel in row.panels
        ]
        text = table(("panel", "answers", "unit"), rows)
        parts.append(f"\n### {board.title}\n\n{board.description}\n\n{text}\n")
    return "\n".join(parts)


def places(row: PanelRow, top: int) -> Iterator[tuple[Panel, GridPos]]:
    """Where each panel of a row lies, two beside each other unless one is wide."""
    left, line = 0, 0
    for panel in row.panels:
        width = _WIDTH if panel.wide else _WIDTH // 2
        if left + width > _WIDTH:
            left, top, line = 0, top + line, 0
        tall = panels.height(panel)
        yield panel, GridPos(x=left, y=top, w=width, h=tall)
        left, line = left + width, max(line, tall)


def _json(board: Board) -> str:
    made = json.loads(json.dumps(_built(board).build(), cls=JSONEncoder))
    for annotation in made["annotations"]["list"] if board.of_run else ():
        annotation.update(variables.PHASE_FIELDS)
    return json.dumps(made, indent=2, sort_keys=True) + "\n"


def _built(board: Board) -> builders.Dashboard:
    made = builders.Dashboard(board.title).uid(board.uid).description(board.description)
    made.tags(["wattscan"]).timezone("browser").editable().tooltip(DashboardCursorSync.CROSSHAIR)
    made.time(f"now-{board.span}", "now").refresh("30s")
    made.with_variable(variables.datasource())
    for variable in variables.selectors():
        made.with_variable(variable)
    if board.of_run:
        made.with_variable(variables.run()).annotation(variables.phases())
    _fill(made, board)
    return made


def _fill(made: builders.Dashboard, board: Board) -> None:
    top, number = 0, 0
    for row in board.rows:
        number += 1
        heading = builders.Row(row.title).id(number)
        made.with_row(heading.grid_pos(GridPos(x=0, y=top, w=_WIDTH, h=1)))
        top += 1
        below = top
        for panel, place in places(row, top):
            number += 1
            made.with_panel(panels.built(panel, number, place, board))
            below = max(below, place.y + place.h)
        top = below
