"""The variables of a dashboard, and the annotations of a run's phases."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import queries
from wattscan import metrics

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_DEFAULT_UID = "prometheus"
_TARGETS = ("target", "instance", "task", "variant")


def datasource() -> builders.DatasourceVariable:
    """Which Prometheus."""
    default = VariableOption(selected=True, text="Prometheus", value=_DEFAULT_UID)
    variable = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.description("The Prometheus that scrapes the targets.").current(default)


def selectors() -> list[builders.QueryVariable]:
    """Target, instance, task, variant: each offers what those before it leave."""
    info, model = metrics.TARGET_INFO.name, metrics.MODEL_INFO.name
    target = 'target=~"$target"'
    return [
        _chosen("target", "Target", f"label_values({info}, target)", "The hardware target."),
        _chosen(
            "instance",
            "Instance",
            f"label_values({info}{{{target}}}, instance)",
            "The address that is scraped: two devices of one target differ by it.",
        ),
        _chosen(
            "task",
            "Task",
            f"label_values({model}{{{queries.TARGET}}}, task)",
            "The clinical task, or the name of any other model.",
        ),
        _chosen(
            "variant",
            "Variant",
            f'label_values({model}{{{queries.TARGET}, task=~"$task"}}, precision)',
            "The variant of the model, such as fp32 or int8.",
        ),
    ]


def run() -> builders.QueryVariable:
    """One run, the last in the alphabet first: its name begins with its time."""
    asked = f'label_values({metrics.RUN_INFO.name}{{target=~"$target"}}, run)'
    variable = builders.QueryVariable("run").label("Run").query(asked).datasource(SOURCE)
    variable.description("A run of the load generator within the range.")
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        VariableSort.ALPHABETICAL_DESC
    )


def phases() -> builders.AnnotationQuery:
    """A line where a phase of the run begins. `files.py` adds what the library has no field for."""
    annotation = builders.AnnotationQuery().name("Phases").datasource(SOURCE).enable(True)
    start = queries.of(metrics.RUN_PHASE_START, queries.CELL)
    return annotation.icon_color("blue").expr(f"1000 * {start}")


PHASE_FIELDS = {
    # Grafana's Prometheus source reads these: the value is the time, in milliseconds.
    "useValueForTime": True,
    "titleFormat": "{{phase}}",
    "textFormat": "{{task}} {{precision}}, repeat {{repeat}}",
    "step": "1s",
}


def link_parameters(of_run: bool) -> str:
    """What a link hands on to another dashboard."""
    names = ("datasource", *_TARGETS, *(("run",) if of_run else ()))
    chosen = "&".join(f"${{{name}:queryparam}}" for name in names)
    return f"{chosen}&${{__url_time_range}}"


def _chosen(name: str, label: str, query: str, description: str) -> builders.QueryVariable:
    everything = VariableOption(selected=True, text="All", value="$__all")
    variable = builders.QueryVariable(name).label(label).description(description)
    variable.query(query).datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.sort(VariableSort.ALPHABETICAL_ASC).multi(True).include_all(True).all_value(".*")
    return variable.current(everything)
