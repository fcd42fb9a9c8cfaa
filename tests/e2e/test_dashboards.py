"""Every panel's query, with values for its variables, against a real Prometheus that scraped a real
run; and twenty figures of that run, by Prometheus and by the run's own tables."""

import itertools
import json
import re
import shutil
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from dashboard_run import (
    IDLE_WATTS,
    ROOT,
    RUN,
    SCRAPE_SECONDS,
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

from wattscan.installation import models_folder

pytestmark = pytest.mark.slow

BOARDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((ROOT / "docker" / "grafana" / "dashboards").glob("*.json"))
}
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
    ("target", "Queue", "B"): ({8.0}, "the limit, by the target's file"),
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
        pause(8)
        service.burst(40, 6)
        generate(service, port, folder)
        pause(4)
        tables = collect(prometheus, folder / "tables")
        pause(4)
        yield SimpleNamespace(prometheus=prometheus, tables=tables, page=service.page)


def ends(asked):
    run = asked.tables["run"]
    return run["start_timestamp_seconds"] - 15, run["end_timestamp_seconds"] + 2


def values_of(asked, name):
    """Variable -> what it offers, as Grafana finds it: each with those before it put in."""
    start, end = ends(asked)
    found = {}
    for variable in BOARDS[name]["templating"]["list"]:
        if variable["type"] != "query":
            continue
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
        match = filled(series, found, start, end)
        got = asked.prometheus.ask("series", **{"match[]": match, "start": start, "end": end})
        found[variable["name"]] = sorted({each[label] for each in got})
    return found


def filled(expr, values, start, end):
    """The query with values for its variables, as Grafana writes them: escaped, and | between."""
    for name, chosen in values.items():
        # Of a variable of one value alone, Grafana escapes nothing.
        texts = chosen if name == "run" else map(re.escape, chosen)
        expr = expr.replace(f"${name}", "|".join(texts))
    expr = expr.replace("$__rate_interval", f"{round(8 * SCRAPE_SECONDS)}s")
    # Grafana's names in a string of PromQL: a backslash stands twice.
    return expr.replace("$__range", f"{round(end - start)}s").replace("\\", "\\\\")


def samples(asked, expr, start=None, end=None, step="500ms"):
    """Every value of every series of a range query; not those that are no number."""
    edges = ends(asked)
    start, end = start or edges[0], end or edges[1]
    got = asked.prometheus.ask("query_range", query=expr, start=start, end=end, step=step)
    every = [float(text) for series in got["result"] for _, text in series["values"]]
    return [value for value in every if value == value]


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


# --- twenty values by hand ---------------------------------------------------------------------


def value(asked, expr, at=None):
    """The one value of an instant query."""
    got = asked.prometheus.ask("query", query=expr, time=at or ends(asked)[1])
    (series,) = got["result"]
    return float(series["value"][1])


def counted(asked, at):
    """What the energy counter shows at a time, interpolated between the readings around it. A
    reading is as old as its page says."""
    labels = '{sensor="rapl", domain="package-0"}'
    points = []
    for name in ("wattscan_energy_joules_total", "wattscan_sensor_reading_age_seconds"):
        got = asked.prometheus.ask("query", query=f"{name}{labels}[10s]", time=at + 4)
        points.append(dict(got["result"][0]["values"]))
    energy, age = points
    readings = sorted(
        (stamp - float(age[stamp]), float(joules)) for stamp, joules in energy.items()
    )
    for (t0, e0), (t1, e1) in itertools.pairwise(readings):
        if t0 <= at <= t1:
            return e0 + (e1 - e0) * (at - t0) / (t1 - t0)
    raise AssertionError(f"no readings around {at}: {readings}")


def phase(asked, cell, window, name):
    """Its start and end, as the generator told them."""
    labels = (
        f'{{run="{RUN}", precision="{cell["precision"]}", repeat="{window["repeat"]}", '
        f'phase="{name}"}}'
    )
    return tuple(
        value(asked, f"last_over_time(wattscan_run_phase_{edge}_timestamp_seconds{labels}[1h])")
        for edge in ("start", "end")
    )


def figures(asked):
    """(what, by hand, of the tables, how far apart they may be)."""
    for cell in asked.tables["cells"]:
        yield from _of_windows(asked, cell)
        yield from _of_cell(asked, cell)
    (ratio,) = asked.tables["ratios"]
    energy = "wattscan_cell_energy_joules"
    by_hand = value(
        asked,
        f'scalar(last_over_time({energy}{{precision="fp32", kind="gross"}}[1h]))'
        f' / last_over_time({energy}{{precision="int8", kind="gross"}}[1h])',
    )
    yield "ratio", by_hand, ratio["gross"]["value"], 0.1 * by_hand


def _of_windows(asked, cell):
    which = cell["precision"]
    for window in cell["windows"]:
        start, end = phase(asked, cell, window, "load")
        joules = counted(asked, end) - counted(asked, start)
        bound = window["joules_gross_bound"]
        yield f"{which} joules", joules, window["joules_gross"], 2 * bound + 0.01 * joules
        idle = phase(asked, cell, window, "idle")
        watts = (counted(asked, idle[1]) - counted(asked, idle[0])) / (idle[1] - idle[0])
        yield f"{which} idle watts", watts, window["watts_idle"], 0.02 * watts + 2 * bound / 6
        labels = f'precision="{which}", repeat="{window["repeat"]}"'
        images = value(asked, f"last_over_time(wattscan_client_images_total{{{labels}}}[1h])")
        yield f"{which} images", images, window["images"], 0


def _of_cell(asked, cell):
    which = cell["precision"]
    windows = cell["windows"]
    for kind in ("gross", "net"):
        labels = f'precision="{which}", kind="{kind}"'
        told = value(asked, f"last_over_time(wattscan_cell_energy_joules{{{labels}}}[1h])")
        mean = cell["joules_per_image"][kind]["mean"]
        yield f"{which} {kind} joules per scan", told, mean, 1e-9
        each = sum(w[f"joules_{kind}"] / w["images"] for w in windows) / len(windows)
        yield f"{which} {kind} joules per scan by hand", each, mean, 1e-6 * mean
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        told = cell["latency_seconds"][name]
        buckets = f'wattscan_client_latency_seconds_bucket{{precision="{which}"}}'
        asks = f"histogram_quantile({share}, sum by (le) (last_over_time({buckets}[1h])))"
        yield f"{which} {name}", value(asked, asks), told, 0.06 * told


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
