"""The dashboard *Target*, its first half: what is measured of the device, and how well."""

from __future__ import annotations

from dashboards.queries import TARGET, of, rate
from dashboards.spec import ONE_IS_GOOD, ZERO_IS_GOOD, Panel, PanelRow, Query
from wattscan import metrics

_SENSOR = "{{instance}}: {{sensor}}"
_DOMAIN = "{{instance}}: {{sensor}} {{domain}}"

POWER = PanelRow(
    "Power and heat",
    (
        Panel(
            "timeseries",
            "Power of each domain",
            "What does each part of the device take, and how far does the domain reach? Domains "
            "overlap: do not add them.",
            "watt",
            (Query(of(metrics.POWER_WATTS, TARGET), f"{_DOMAIN} ({{{{scope}}}}, {{{{method}}}})"),),
            wide=True,
        ),
        Panel(
            "timeseries",
            "Energy counted",
            "What does each domain's counter show since the service started?",
            "joule",
            (
                Query(
                    of(metrics.ENERGY_JOULES, TARGET),
                    f"{_DOMAIN} ({{{{scope}}}}, {{{{method}}}})",
                ),
            ),
        ),
        Panel(
            "timeseries",
            "Temperature of each zone",
            "How warm is each part of the device?",
            "celsius",
            (Query(of(metrics.TEMPERATURE_CELSIUS, TARGET), f"{_SENSOR} {{{{zone}}}}"),),
            steps=((None, "green"), (85, "orange"), (95, "red")),
        ),
        Panel(
            "timeline",
            "Clock limited",
            "When does the device limit its clock, for heat or for power?",
            "none",
            (Query(of(metrics.THROTTLED, TARGET), _SENSOR),),
            steps=ZERO_IS_GOOD,
        ),
        Panel(
            "table",
            "Domains, methods and scopes",
            "Which domain do the tables read, which do the requests get their energy from, how was "
            "its energy found, and how far does it reach?",
            "string",
            (Query(of(metrics.ENERGY_SOURCE_INFO, TARGET), now=True),),
        ),
    ),
)
SENSORS = PanelRow(
    "Sensors",
    (
        Panel(
            "timeline",
            "Sensors that are read",
            "Did the last read of each sensor succeed? 1: it did, 0: it did not.",
            "none",
            (Query(of(metrics.SENSOR_UP, TARGET), _SENSOR),),
            steps=ONE_IS_GOOD,
        ),
        Panel(
            "timeline",
            "Sensors that are proving",
            "Which sources have not moved yet, and are therefore not believed? 1: not yet.",
            "none",
            (Query(of(metrics.SENSOR_PROVING, TARGET), _SENSOR),),
            steps=((None, "green"), (1, "orange")),
        ),
        Panel(
            "timeseries",
            "Failed reads",
            "How often does a read fail, and why (frozen, timeout, reset and so on)?",
            "cps",
            (Query(rate(of(metrics.SENSOR_READ_ERRORS, TARGET)), f"{_SENSOR} {{{{reason}}}}"),),
            steps=((None, "green"), (0.01, "orange")),
        ),
        Panel(
            "timeseries",
            "Age of the last reading",
            "How old is what the page shows? A growing age is a sensor that blocks.",
            "s",
            (Query(of(metrics.SENSOR_READING_AGE_SECONDS, TARGET), _DOMAIN),),
            steps=((None, "green"), (5, "orange")),
        ),
        Panel(
            "timeseries",
            "Sampling interval and renewal",
            "How often is each sensor read, and how often does it renew its figure?",
            "s",
            (
                Query(of(metrics.SENSOR_INTERVAL_SECONDS, TARGET), f"{_SENSOR} read"),
                Query(of(metrics.SENSOR_UPDATE_PERIOD_SECONDS, TARGET), f"{_SENSOR} renewed"),
            ),
        ),
        Panel(
            "timeseries",
            "Time covered",
            "Which part of the time does each domain's energy account for? Gaps are left out.",
            "percentunit",
            (Query(rate(of(metrics.SENSOR_COVERED_SECONDS, TARGET)), _DOMAIN),),
            steps=((None, "red"), (0.98, "green")),
            top=1,
        ),
        Panel(
            "timeseries",
            "Uncertainty",
            "How far off may a sensor's figure be? One standard uncertainty over the reading.",
            "percentunit",
            (Query(of(metrics.SENSOR_UNCERTAINTY_RATIO, TARGET), _DOMAIN),),
            steps=((None, "green"), (0.1, "orange")),
        ),
        Panel(
            "table",
            "The machine",
            "What does the service run on?",
            "string",
            (Query(of(metrics.MACHINE_INFO, TARGET), now=True),),
        ),
    ),
)
