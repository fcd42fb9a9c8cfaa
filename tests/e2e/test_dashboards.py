"""Every panel's query, with values for its variables, against a real Prometheus that scraped a real
run; and twenty figures of that run, by Prometheus and by the run's own tables."""

import shutil
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from dashboard_figures import (
    BOARDS,
    ends,
    filled,
    of_cell,
    of_windows,
    phase,
    samples,
    value,
    values_of,
)
from dashboard_run import (
    IDLE_WATTS,
    RUN,
    TASK,
    TRACE,
    Cells,
    Machine,
    Prometheus,
    Service,
    collect,
    generate,
    pause,
)
from servers import free_port
from test_nvml import build

from waiting import wait_until
from wattscan.installation import models_folder

pytestmark = pytest.mark.slow
QUERIES = [
    pytest.param(name, panel["title"], target, id=f"{name}: {panel['title']}, {target['refId']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", ())
]
ONES = {1.0}
FACT = (ONES, "a fact: its labels say it, and its value is always 1")
# Board, panel, query -> the constant that it may be throughout a run, and why.
CONSTANT = {
    ("fleet", "Targets that answer", "A"): (ONES, "the target was up all along"),
    ("fleet", "Alerts that fire", "A"): ({0.0}, "no alert is as old as its `for`"),
    ("fleet", "Alerts", "A"): (ONES, "ALERTS is 1 by definition"),
    ("fleet", "Throttled", "A"): (ONES, "the stand-in for the GPU is throttled all along"),
    ("fleet", "Verdicts", "A"): FACT,
    ("target", "Clock limited", "A"): (ONES, "the stand-in for the GPU is throttled all along"),
    ("target", "Domains, methods and scopes", "A"): FACT,
    ("target", "Sensors that are read", "A"): (ONES, "no sensor failed"),
    ("target", "Sensors that are proving", "A"): ({0.0}, "each has moved before the run"),
    ("target", "Failed reads", "A"): ({0.0}, "no read failed"),
    ("target", "Uncertainty", "A"): ({0.05}, "of both sensors, by the target's file"),
    ("target", "The machine", "A"): FACT,
    ("target", "Queue", "B"): ({2.0}, "the limit, by the target's file"),
    ("target", "Models", "A"): FACT,
    ("target", "Queues that are nearly full", "A"): ({2.0}, "both were full in the burst"),
    ("run", "Run", "A"): FACT,
    ("run", "Load", "A"): FACT,
    ("run", "Phases", "A"): (ONES, "1 while a phase lasts, absent otherwise"),
    ("run", "Incidents", "A"): ({0.0}, "nothing was lost"),
    ("run", "Senders, parts and unwatched cooldowns", "B"): (ONES, "the run was made in one part"),
    ("run", "Senders, parts and unwatched cooldowns", "C"): (
        {0.0},
        "each cooldown was watched by a temperature",
    ),
    ("run", "Verdicts on the cells", "A"): FACT,
    ("run", "Verdicts on net energy", "A"): FACT,
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory, need_program):
    """A Prometheus that has scraped a run and its cells, and the run's own tables."""
    need_program("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("dashboards")
    for variant in ("fp32", "int8"):
        name = f"{TASK}-{variant}"
        shutil.copytree(models_folder() / name, folder / "models" / name)
    driver = build(tmp_path_factory.mktemp("driver"))
    with ExitStack() as stack:
        machine = Machine(folder)
        stack.callback(machine.end)
        service = Service(folder, driver, machine, folder / "models")
        stack.callback(service.end)
        cells = Cells(folder / "tables" / "cells.om")
        stack.callback(cells.stop)
        port = free_port()
        prometheus = Prometheus(folder, service, port, cells.port)
        stack.enter_context(prometheus.run())
        began = time.time()
        pause(8)
        wait_until(
            lambda: prometheus.ask("query", query="wattscan:queue_fill_ratio:max5m")["result"]
        )
        service.burst(40, 6)
        generate(service, port, folder)
        pause(4)
        tables = collect(prometheus, folder / "tables")
        pause(4)
        yield SimpleNamespace(prometheus=prometheus, tables=tables, page=service.page, began=began)


def test_the_variables_offer_what_was_served(asked):
    for name in BOARDS:
        offered = values_of(asked, name)
        assert offered.pop("run", [RUN]) == [RUN]
        assert offered == {
            "target": ["clinic"],
            "instance": [asked.page],
            "task": [TASK],
            "variant": ["fp32", "int8"],
        }


@pytest.mark.parametrize(("name", "title", "target"), QUERIES)
@pytest.mark.parametrize("choice", ["each value", "all"])
def test_a_panels_query_has_data(asked, name, title, target, choice):
    start, end = ends(asked)
    values = values_of(asked, name)
    expr = target["expr"]
    if choice == "all":  # the variable's own word for it
        for each in set(values) - {"run"}:
            expr = expr.replace(f"${each}", ".*")
    expr = filled(expr, values, start, end)
    distinct = {round(value, 12) for value in samples(asked, expr)}
    assert distinct, expr
    key = (name, title, target["refId"])
    allowed, reason = CONSTANT.get(key, (set(), "it may change, and does not"))
    assert len(distinct) >= 2 or distinct <= allowed, f"{expr} is {distinct} all along: {reason}"


def test_each_constant_is_a_panels():
    known = {
        (name, panel["title"], target["refId"])
        for name, board in BOARDS.items()
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    assert set(CONSTANT) <= known


def test_the_phases_annotations_are_the_runs_phases(asked):
    start, end = ends(asked)
    (phases,) = BOARDS["run"]["annotations"]["list"]
    expr = filled(phases["expr"], values_of(asked, "run"), start, end)
    got = asked.prometheus.ask("query_range", query=expr, start=start, end=end, step="1s")
    times = {}
    for series in got["result"]:
        labels = series["metric"]
        key = (labels["precision"], labels["repeat"], labels["phase"])
        times[key] = float(series["values"][-1][1]) / 1000
    assert len(times) == 2 * 2 * 4
    for cell in asked.tables["cells"]:
        for window in cell["windows"]:
            begun = times[cell["precision"], window["repeat"], "load"]
            assert begun == pytest.approx(window["load_start_timestamp_seconds"], abs=0.1)


def test_an_exemplar_leads_to_the_trace(asked):
    start, end = ends(asked)
    name = "wattscan_request_duration_seconds_bucket"
    got = asked.prometheus.ask("query_exemplars", query=name, start=start, end=end)
    found = [exemplar for series in got for exemplar in series["exemplars"]]
    assert found and {e["labels"]["trace_id"] for e in found} == {TRACE}


def figures(asked):
    """(what, by hand, of the tables, how far apart they may be)."""
    for cell in asked.tables["cells"]:
        yield from of_windows(asked, cell)
        yield from of_cell(asked, cell)
    (ratio,) = asked.tables["ratios"]
    energy = "wattscan_cell_energy_joules"
    by_hand = value(
        asked,
        f'scalar(last_over_time({energy}{{precision="fp32", kind="gross"}}[1h]))'
        f' / last_over_time({energy}{{precision="int8", kind="gross"}}[1h])',
    )
    yield "ratio", by_hand, ratio["gross"]["value"], 0.1 * by_hand


def test_twenty_values_are_those_of_the_runs_own_tables(asked):
    told = list(figures(asked))
    for what, by_hand, of_tables, apart in told:
        assert by_hand == pytest.approx(of_tables, abs=apart), what
    assert len(told) >= 20
    assert {"fp32 p99", "int8 gross joules per scan", "ratio", "fp32 idle watts"} <= {
        what for what, *_ in told
    }


def test_idle_power_is_what_the_device_takes_when_it_idles(asked):
    cell = asked.tables["cells"][0]
    _, end = phase(asked, cell, cell["windows"][0], "idle")
    watts = value(asked, "sum(rate(wattscan_idle_energy_joules_total[4s]))", at=end - 0.5)
    assert watts == pytest.approx(cell["windows"][0]["watts_idle"], rel=0.3)
    assert watts >= 0.8 * IDLE_WATTS
