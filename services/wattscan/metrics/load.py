"""Exported by the load generator."""

from wattscan.metrics import telemetry
from wattscan.metrics.kind import metric

RUN_INFO = metric(
    "wattscan_run_info",
    "gauge",
    "run target target_instance profile scenario seed version reference",
    "One run; target_instance is the instance label of the target's series, reference the variant "
    "that the others are compared with. Always 1.",
)

WORKLOAD_SETTINGS = (
    "name", "protocol", "clients", "rate", "in_flight", "batch", "images", "latency_bound",
    "latency_percentile", "min_seconds", "min_queries", "shape", "schedule", "find_rate",
)  # fmt: skip
"""The labels of RUN_WORKLOAD_INFO beside the run's: what a workload file says of the load."""

RUN_WORKLOAD_INFO = metric(
    "wattscan_run_workload_info",
    "gauge",
    f"run {' '.join(WORKLOAD_SETTINGS)}",
    "What shapes the load, as the workload file has it; of folders and files the name. Always 1.",
)

RUN_PARTS = metric(
    "wattscan_run_parts",
    "gauge",
    "run",
    "In how many parts the run was made: 1, or more where it was resumed.",
)

RUN_SENDERS = metric(
    "wattscan_run_senders",
    "gauge",
    "run",
    "Processes that sent the queries of the last warm-up or load.",
)

RUN_RATE = metric(
    "wattscan_run_queries_per_second",
    "gauge",
    "run target task",
    "The rate that a task's queries are sent at (Server).",
)

RUN_HIGHEST_RATE = metric(
    "wattscan_run_highest_queries_per_second",
    "gauge",
    "run target task precision",
    "The highest rate at which the latency percentile keeps its bound, where it was looked for.",
)

RUN_INCIDENTS = metric(
    "wattscan_run_incidents_total",
    "counter",
    "run target task precision repeat kind",
    "Incidents in a window: server_lost (it could not be reached), worker_lost (a sender "
    "is gone, and what it counted with it), not_answered (processes whose queries were still open "
    "a minute after the load).",
)

RUN_PHASE_START = metric(
    "wattscan_run_phase_start_timestamp_seconds",
    "gauge",
    "run target task precision repeat phase",
    "Unix time at which the phase began.",
)

RUN_PHASE_END = metric(
    "wattscan_run_phase_end_timestamp_seconds",
    "gauge",
    "run target task precision repeat phase",
    "Unix time at which the phase ended; absent until then.",
)

CLIENT_REQUESTS = metric(
    "wattscan_client_requests_total",
    "counter",
    "run target task precision repeat outcome",
    "Queries of the load phase: ok, error, or dropped (due, but never sent).",
)

CLIENT_IMAGES = metric(
    "wattscan_client_images_total",
    "counter",
    "run target task precision repeat",
    "Images answered in the load phase.",
)

CLIENT_LATENCY_SECONDS = metric(
    "wattscan_client_latency_seconds",
    "histogram",
    "run target task precision repeat",
    "Time to the last byte of a query's answer, from its intended send time in an open loop.",
)

GENERATOR_CPU_RATIO = metric(
    "wattscan_generator_cpu_ratio",
    "gauge",
    "run",
    "The generator's own CPU use over one core; of several processes, the busiest one's.",
)

RUN_COOLDOWNS_UNWATCHED = metric(
    "wattscan_run_cooldowns_unwatched",
    "gauge",
    "run",
    "Cooldowns that lasted their longest for want of a temperature to end them by.",
)

RUN_PAGE_TIMESTAMP = metric(
    telemetry.PAGE_TIMESTAMP.name, "gauge", "run", telemetry.PAGE_TIMESTAMP.help
)
