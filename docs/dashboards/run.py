"""The dashboard *Run*: one run of the load generator."""

from __future__ import annotations

from dashboards.queries import (
    CELL,
    MODEL,
    RUN,
    TARGET,
    latest,
    of,
    phase_now,
    power,
    power_under_load,
    quantile,
    rate,
    total,
)
from dashboards.spec import ZERO_IS_GOOD, Board, Panel, PanelRow, Query
from wattscan import metrics

_CELL = "{{task}} {{precision}}"
_GROSS = f'{CELL}, kind="gross"'
_REFERENCE = f'{RUN}, task=~"$task", precision="fp32", kind="gross"'
_SENT = rate(of(metrics.CLIENT_LATENCY_SECONDS, CELL, "bucket"))
_ALL_SENT = latest(of(metrics.CLIENT_LATENCY_SECONDS, CELL, "bucket"))


def _saved() -> str:
    cells, reference = (
        latest(of(metrics.CELL_ENERGY_JOULES, labels)) for labels in (_GROSS, _REFERENCE)
    )
    return f"1 / ({cells} / on (run, target, task) group_left () {reference})"


_RUN = PanelRow(
    "The run",
    (
        Panel(
            "table",
            "Run",
            "Which run is it: its target, profile, scenario, seed, version and reference?",
            "string",
            (Query(latest(of(metrics.RUN_INFO, RUN)), now=True),),
        ),
        Panel(
            "table",
            "Load",
            "What shapes the load?",
            "string",
            (Query(latest(of(metrics.RUN_WORKLOAD_INFO, RUN)), now=True),),
        ),
        Panel(
            "timeline",
            "Phases",
            "In which phase is the run: idle, warm-up, load or cooldown?",
            "none",
            (Query(f"max by (phase) ({phase_now(CELL)})", "{{phase}}"),),
            wide=True,
        ),
        Panel(
            "stat",
            "Phases that have ended",
            "How far is the run? A window has four phases.",
            "none",
            (Query(f"count({of(metrics.RUN_PHASE_END, CELL)})", "phases"),),
        ),
        Panel(
            "stat",
            "Incidents",
            "Was the service or a sender lost, or were queries left unanswered?",
            "none",
            (Query(f"sum({latest(of(metrics.RUN_INCIDENTS, RUN))}) or vector(0)", "incidents"),),
            steps=ZERO_IS_GOOD,
        ),
    ),
)
_ENERGY = PanelRow(
    "Energy",
    (
        Panel(
            "timeseries",
            "Power, with the phases",
            "What does the device take in each phase? The lines are where phases begin.",
            "watt",
            (Query(power(), "{{instance}}: {{domain}} ({{scope}}, {{method}})"),),
            wide=True,
        ),
        Panel(
            "timeseries",
            "Power under load, A against B",
            "What does the device take while each variant is under load?",
            "watt",
            (Query(power_under_load(), _CELL),),
        ),
        Panel(
            "timeseries",
            "Temperature in the run",
            "Was each window begun as cool as the first one?",
            "celsius",
            (Query(of(metrics.TEMPERATURE_CELSIUS, TARGET), "{{instance}}: {{zone}}"),),
            steps=((None, "green"), (85, "orange"), (95, "red")),
        ),
        Panel(
            "timeseries",
            "Energy of requests, A against B",
            "What power do the requests of each variant get, by the service's own account?",
            "watt",
            (
                Query(
                    total(
                        rate(of(metrics.INFERENCE_ENERGY_JOULES, MODEL)), "task, precision, method"
                    ),
                    f"{_CELL} ({{{{method}}}})",
                ),
            ),
            wide=True,
        ),
    ),
)
_LOAD = PanelRow(
    "Load",
    (
        Panel(
            "timeseries",
            "Images a second",
            "How many images of each variant are answered?",
            "none",
            (Query(total(rate(of(metrics.CLIENT_IMAGES, CELL)), "task, precision"), _CELL),),
        ),
        Panel(
            "timeseries",
            "Queries by outcome",
            "Are queries answered, do they fail, or are they dropped?",
            "reqps",
            (
                Query(
                    total(rate(of(metrics.CLIENT_REQUESTS, CELL)), "task, precision, outcome"),
                    f"{_CELL} {{{{outcome}}}}",
                ),
            ),
        ),
        Panel(
            "timeseries",
            "Latency: p50, p90, p99",
            "How long does the client wait for an answer?",
            "s",
            tuple(
                Query(quantile(q, _SENT, "task, precision"), f"{_CELL} p{q * 100:g}")
                for q in (0.5, 0.9, 0.99)
            ),
            steps=((None, "green"), (1, "red")),
        ),
        Panel(
            "stat",
            "p99 of the whole run",
            "The p99 over all repeats on display. The generator's page keeps the last windows "
            "only, so the range must hold the whole run.",
            "s",
            (Query(quantile(0.99, _ALL_SENT, "task, precision"), _CELL, now=True),),
            steps=((None, "green"), (1, "red")),
        ),
        Panel(
            "heatmap",
            "Latency, as a heat map",
            "How do the latencies spread?",
            "s",
            (Query(f"sum by (le) ({_SENT})", "{{le}}"),),
            wide=True,
        ),
        Panel(
            "timeseries",
            "The generator's own processor",
            "Does the generator keep up? Near 1 it is what limits the load.",
            "percentunit",
            (Query(of(metrics.GENERATOR_CPU_RATIO, RUN), "one core"),),
            steps=((None, "green"), (0.8, "red")),
            top=1,
        ),
        Panel(
            "timeseries",
            "Senders, parts and unwatched cooldowns",
            "How many processes send, in how many parts was the run made, and how many cooldowns "
            "had no temperature to end them?",
            "none",
            (
                Query(of(metrics.RUN_SENDERS, RUN), "senders"),
                Query(of(metrics.RUN_PARTS, RUN), "parts"),
                Query(of(metrics.RUN_COOLDOWNS_UNWATCHED, RUN), "cooldowns unwatched"),
            ),
        ),
    ),
)
_CELLS = PanelRow(
    "Cells (written back by `wattscan collect`)",
    (
        Panel(
            "table",
            "Joules per scan",
            "What does a scan cost, gross and net?",
            "joule",
            (Query(latest(of(metrics.CELL_ENERGY_JOULES, CELL)), now=True),),
        ),
        Panel(
            "table",
            "Their intervals",
            "Between which figures does each lie (low, high), and what is half of that made of?",
            "joule",
            (Query(latest(of(metrics.CELL_ENERGY_INTERVAL, CELL)), now=True),),
        ),
        Panel(
            "stat",
            "Reference over variant, measured",
            "What does each variant save? The reference's gross joules over the variant's.",
            "none",
            (Query(_saved(), _CELL, now=True),),
            steps=((None, "red"), (1, "green")),
        ),
        Panel(
            "table",
            "Verdicts on the cells",
            "Is each figure valid, indicative or invalid, and why?",
            "string",
            (Query(latest(of(metrics.CELL_VERDICT, CELL)), now=True),),
        ),
        Panel(
            "table",
            "Verdicts on net energy",
            "The same of the net figures.",
            "string",
            (Query(latest(of(metrics.CELL_NET_VERDICT, CELL)), now=True),),
            wide=True,
        ),
    ),
)

BOARD = Board(
    uid="wattscan-run",
    title="Wattscan: run",
    description="One run of the load generator: its phases, A against B, and the measured cells.",
    link="wattscan-fleet",
    link_title="All targets",
    span="1h",
    rows=(_RUN, _ENERGY, _LOAD, _CELLS),
    of_run=True,
)
