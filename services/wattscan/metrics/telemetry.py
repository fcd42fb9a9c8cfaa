"""Exported by the service of each target: what its sensors read."""

from wattscan.metrics.kind import metric

ENERGY_JOULES = metric(
    "wattscan_energy_joules_total",
    "counter",
    "target sensor domain scope method",
    "Energy since the exporter started.",
)

POWER_WATTS = metric(
    "wattscan_power_watts",
    "gauge",
    "target sensor domain scope method",
    "Latest power.",
)

TEMPERATURE_CELSIUS = metric(
    "wattscan_temperature_celsius",
    "gauge",
    "target sensor zone",
    "Latest temperature.",
)

ENERGY_SOURCE_INFO = metric(
    "wattscan_energy_source_info",
    "gauge",
    "target sensor domain scope method use",
    "What a domain is used for: table (read by the energy table), attribution, paper. Always 1.",
)

TARGET_INFO = metric(
    "wattscan_target_info",
    "gauge",
    "target title precision domain zone",
    "The target as its TOML describes it: the hardware's name, and the reading that the paper's "
    "table shows, empty where it does not say. Always 1.",
)

MACHINE_INFO = metric(
    "wattscan_machine_info",
    "gauge",
    "target processor cores kernel virtualization driver python wattscan",
    "The machine that the service runs on, and the versions of Python and Wattscan. Always 1.",
)

SENSOR_UP = metric(
    "wattscan_sensor_up",
    "gauge",
    "target sensor",
    "1: the last read succeeded; 0: it did not.",
)

SENSOR_PROVING = metric(
    "wattscan_sensor_proving",
    "gauge",
    "target sensor",
    "1 while a source of power or energy is read and has not moved yet: nothing else of it is "
    "shown; 0 when it has.",
)

SENSOR_READ_ERRORS = metric(
    "wattscan_sensor_read_errors_total",
    "counter",
    "target sensor reason",
    "Failed reads.",
)

COUNTER_RESET = "counter_reset"
"""The `reason` of SENSOR_READ_ERRORS for a hardware counter that has started anew."""

SENSOR_COVERED_SECONDS = metric(
    "wattscan_sensor_covered_seconds_total",
    "counter",
    "target sensor domain",
    "Time that the energy counter accounts for, gaps left out.",
)

SENSOR_INTERVAL_SECONDS = metric(
    "wattscan_sensor_interval_seconds",
    "gauge",
    "target sensor",
    "Achieved sampling interval, mean of the last minute.",
)

SENSOR_READING_AGE_SECONDS = metric(
    "wattscan_sensor_reading_age_seconds",
    "gauge",
    "target sensor domain",
    "How old the last reading that the domain's energy includes was when the page was made.",
)

SENSOR_UPDATE_PERIOD_SECONDS = metric(
    "wattscan_sensor_update_period_seconds",
    "gauge",
    "target sensor",
    "The longest time between two renewals of the figure that the sensor reads, where it measures.",
)

SENSOR_UNCERTAINTY_RATIO = metric(
    "wattscan_sensor_uncertainty_ratio",
    "gauge",
    "target sensor domain",
    "One standard uncertainty of the sensor over its reading.",
)

THROTTLED = metric(
    "wattscan_throttled",
    "gauge",
    "target sensor",
    "1 while the device limits its clock, for heat or for power, where it tells.",
)

PAGE_TIMESTAMP = metric(
    "wattscan_page_timestamp_seconds",
    "gauge",
    "target",
    "Unix time at which the page was made, by the clock of its maker.",
)

SCRAPE_DURATION = "scrape_duration_seconds"
"""The series in which Prometheus, and whatever scrapes as it does, tells how long a scrape took."""
