"""The dashboard *Fleet*: all targets beside each other."""

from __future__ import annotations

from dashboards.queries import ALERTS, CELL, MODEL, TARGET, energy_of_range, latest, of, power
from dashboards.spec import ONE_IS_GOOD, ZERO_IS_GOOD, Board, Panel, PanelRow, Query
from wattscan import metrics

_OF_MODEL = "{{target}} {{instance}} {{task}} {{precision}}"
_ANY_RUN = CELL.replace('run="$run"', 'target=~"$target"')

_NOW = PanelRow(
    "Now",
    (
        Panel(
            "stat",
            "Targets that answer",
            "Can the page of each target that was seen in the range be read? 1: yes, 0: no.",
            "none",
            (
                Query(
                    'up{instance=~"$instance"} and on (job, instance) '
                    f"present_over_time({of(metrics.TARGET_INFO, TARGET)}[$__range])",
                    "{{instance}}",
                ),
            ),
            steps=ONE_IS_GOOD,
        ),
        Panel(
            "stat",
            "Alerts that fire",
            "How many of Wattscan's alerts fire at present, on any target?",
            "none",
            (Query(f'count({ALERTS}, alertstate="firing"}}) or vector(0)', "firing"),),
            steps=ZERO_IS_GOOD,
        ),
        Panel(
            "table",
            "Alerts",
            "Which alerts fire or are about to, and where? docs/dashboards.md says what to do.",
            "string",
            (Query(f"{ALERTS}}}", now=True),),
            wide=True,
        ),
    ),
)
_ENERGY = PanelRow(
    "Energy",
    (
        Panel(
            "timeseries",
            "Power",
            "What does each device take? Of the domain that the energy table reads.",
            "watt",
            (Query(power(), "{{target}} {{instance}}: {{sensor}} {{domain}}, {{method}}"),),
        ),
        Panel(
            "stat",
            "Energy in the range",
            "How much energy has each device taken in the range on display?",
            "joule",
            (
                Query(
                    energy_of_range(), "{{target}} {{instance}}: {{domain}}, {{method}}", now=True
                ),
            ),
        ),
        Panel(
            "timeseries",
            "Joules per scan",
            "What does a scan cost? The requests' part of the device's energy over the images "
            "computed, mean of five minutes.",
            "joule",
            (Query(of("wattscan:joules_per_scan:rate5m", MODEL), f"{_OF_MODEL}, {{{{method}}}}"),),
        ),
        Panel(
            "timeseries",
            "Reference over variant",
            "What does each variant save? The reference's joules per scan over the variant's, as "
            "in the tables: above 1 it saves energy.",
            "none",
            (
                Query(
                    of("wattscan:reference_over_variant_ratio:rate5m", MODEL),
                    f"{_OF_MODEL}, {{{{method}}}}",
                ),
            ),
            steps=((None, "red"), (1, "green")),
        ),
        Panel(
            "timeseries",
            "Temperature",
            "How warm is each device?",
            "celsius",
            (Query(of(metrics.TEMPERATURE_CELSIUS, TARGET), "{{target}} {{instance}}: {{zone}}"),),
            steps=((None, "green"), (85, "orange"), (95, "red")),
        ),
        Panel(
            "timeline",
            "Throttled",
            "Which devices limit their clock, for heat or for power? 1: it does, 0: it does not.",
            "none",
            (Query(of(metrics.THROTTLED, TARGET), "{{target}} {{instance}}: {{sensor}}"),),
            steps=ZERO_IS_GOOD,
        ),
    ),
)
_SERVICE = PanelRow(
    "Service",
    (
        Panel(
            "timeseries",
            "Scans a second",
            "How many images does each target compute?",
            "none",
            (Query(of("wattscan:images:rate5m", MODEL), _OF_MODEL),),
        ),
        Panel(
            "timeseries",
            "p99 of the request's duration",
            "How long do 99 % of the requests take at most, inside the service?",
            "s",
            (Query(of("wattscan:request_duration_seconds:p99_rate5m", MODEL), _OF_MODEL),),
            steps=((None, "green"), (1, "red")),
        ),
    ),
)
_RUNS = PanelRow(
    "Measured",
    (
        Panel(
            "table",
            "Verdicts",
            "Which measured figures are valid, indicative or invalid, and why? Of the runs in the "
            "range whose cells were written back.",
            "string",
            (Query(latest(of(metrics.CELL_VERDICT, _ANY_RUN)), now=True),),
            wide=True,
        ),
    ),
)

BOARD = Board(
    uid="wattscan-fleet",
    title="Wattscan: fleet",
    description="All targets: are they up, what do they take, what does a scan cost on each?",
    link="wattscan-target",
    link_title="This target",
    span="6h",
    rows=(_NOW, _ENERGY, _SERVICE, _RUNS),
)
