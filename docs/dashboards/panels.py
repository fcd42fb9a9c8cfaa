"""Our panels -> the library's."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, statetimeline
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.spec import Board, Panel
from dashboards.variables import SOURCE, link_parameters

Builder = series.Panel | stat.Panel | tables.Panel | statetimeline.Panel | heatmap.Panel
_LINES = 10
_SHADES = 32


def built(panel: Panel, number: int, place: GridPos, board: Board) -> Builder:
    """The panel at its place, with its link."""
    builder = _KINDS[panel.kind](panel)
    builder.id(number).title(panel.title).description(panel.description).unit(panel.unit)
    builder.datasource(SOURCE).grid_pos(place).links([_link(board)]).no_value("no data")
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        asked = prometheus.Dataquery().ref_id(letter).expr(query.expr).datasource(SOURCE)
        asked.legend_format(query.legend or "__auto").format(_format(panel))
        if query.exemplars:
            asked.exemplar(True)
        builder.with_target(asked.instant() if query.now else asked.range())
    if panel.steps:
        builder.thresholds(_thresholds(panel))
        if panel.kind != "timeseries":
            builder.color_scheme(builders.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return builder


def height(panel: Panel) -> int:
    """Rows of Grafana's grid."""
    return {"stat": 5, "table": 8, "timeline": 7}.get(panel.kind, 9)


def _format(panel: Panel) -> PromQueryFormat:
    if panel.kind == "table":
        return PromQueryFormat.TABLE
    return PromQueryFormat.HEATMAP if panel.kind == "heatmap" else PromQueryFormat.TIME_SERIES


def _link(board: Board) -> builders.DashboardLink:
    url = f"/d/{board.link}?{link_parameters(board.of_run)}"
    return builders.DashboardLink(board.link_title).url(url)


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    steps = [Threshold(value=value, color=color) for value, color in panel.steps]
    return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _timeseries(panel: Panel) -> series.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend.display_mode(shown.LegendDisplayMode.LIST).placement(shown.LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(shown.TooltipDisplayMode.MULTI)
    builder = series.Panel().legend(legend).tooltip(tooltip).fill_opacity(_LINES).min(0)
    builder.color_scheme(builders.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    if panel.top is not None:
        builder.axis_soft_max(panel.top)
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(shown.StackingMode.NORMAL).group("A"))
    if panel.steps:
        dashed = common.GraphThresholdsStyleConfig().mode(shown.GraphThresholdsStyleMode.DASHED)
        builder.thresholds_style(dashed)
    return builder


def _stat(_panel: Panel) -> stat.Panel:
    reduce = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(reduce).color_mode(shown.BigValueColorMode.VALUE)


def _table(panel: Panel) -> tables.Panel:
    hidden = {"Time": True, "__name__": True, "job": True}
    # Of facts that are always 1, the value says nothing.
    if panel.unit == "string":
        hidden["Value"] = True
    organize = DataTransformerConfig(
        id_val="organize", options={"excludeByName": hidden, "indexByName": {}, "renameByName": {}}
    )
    merge = DataTransformerConfig(id_val="merge", options={})
    return tables.Panel().with_transformation(merge).with_transformation(organize)


def _timeline(_panel: Panel) -> statetimeline.Panel:
    builder = statetimeline.Panel().show_value(shown.VisibilityMode.NEVER).row_height(0.8)
    return builder.merge_values(True)


def _heatmap(panel: Panel) -> heatmap.Panel:
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues")
    colors.steps(_SHADES).exponent(0.5).fill("blue")
    axis = heatmap.YAxisConfig().unit(panel.unit)
    return heatmap.Panel().color(colors).y_axis(axis).show_y_histogram()


_KINDS: dict[str, Callable[[Panel], Builder]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "table": _table,
    "timeline": _timeline,
    "heatmap": _heatmap,
}
