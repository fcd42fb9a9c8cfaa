"""What Prometheus gives at the times of a run, and the figures of its own tables."""

import itertools
import json
import re

from dashboard_run import ROOT, RUN, SCRAPE_SECONDS

BOARDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((ROOT / "docker" / "grafana" / "dashboards").glob("*.json"))
}


def ends(asked):
    """From before the first request to the end of the run."""
    return asked.began, asked.tables["run"]["end_timestamp_seconds"] + 2


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


def of_windows(asked, cell):
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


def of_cell(asked, cell):
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
