"""The metric contract, once: every metric's name, type, labels and meaning.

Exporters declare their metrics from these records, the collector and the load generator take the
names from here, and `docs/metrics.md` is generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """One metric family. A counter's `name` ends in `_total`, as its samples do."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


def _metric(name: str, kind: Kind, labels: str, help_text: str) -> Metric:
    return Metric(name, kind, tuple(labels.split()), help_text)


# --- telemetry: exported by the service of each target ----------------------------------------

ENERGY_JOULES = _metric(
    "wattscan_energy_joules_total",
    "counter",
    "target sensor domain scope method",
    "Energy since the exporter started.",
)
POWER_WATTS = _metric(
    "wattscan_power_watts",
    "gauge",
    "target sensor domain scope method",
    "Latest power.",
)
TEMPERATURE_CELSIUS = _metric(
    "wattscan_temperature_celsius",
    "gauge",
    "target sensor zone",
    "Latest temperature.",
)
ENERGY_SOURCE_INFO = _metric(
    "wattscan_energy_source_info",
    "gauge",
    "target sensor domain scope method use",
    "What a domain is used for: table (read by the energy table), attribution, paper. Always 1.",
)
TARGET_INFO = _metric(
    "wattscan_target_info",
    "gauge",
    "target title precision domain zone",
    "The target as its TOML describes it: the hardware's name, and the reading that the paper's "
    "table shows, empty where it does not say. Always 1.",
)
MACHINE_INFO = _metric(
    "wattscan_machine_info",
    "gauge",
    "target processor cores kernel virtualization driver python wattscan",
    "The machine that the service runs on, and the versions of Python and Wattscan. Always 1.",
)
SENSOR_UP = _metric(
    "wattscan_sensor_up",
    "gauge",
    "target sensor",
    "1: the last read succeeded; 0: it did not.",
)
SENSOR_PROVING = _metric(
    "wattscan_sensor_proving",
    "gauge",
    "target sensor",
    "1 while a source of power or energy is read and has not moved yet: nothing else of it is "
    "shown; 0 when it has.",
)
SENSOR_READ_ERRORS = _metric(
    "wattscan_sensor_read_errors_total",
    "counter",
    "target sensor reason",
    "Failed reads.",
)
COUNTER_RESET = "counter_reset"
"""The `reason` of SENSOR_READ_ERRORS for a hardware counter that has started anew."""
SCRAPE_DURATION = "scrape_duration_seconds"
"""The series in which Prometheus, and whatever scrapes as it does, tells how long a scrape took."""

SENSOR_COVERED_SECONDS = _metric(
    "wattscan_sensor_covered_seconds_total",
    "counter",
    "target sensor domain",
    "Time that the energy counter accounts for, gaps left out.",
)
SENSOR_INTERVAL_SECONDS = _metric(
    "wattscan_sensor_interval_seconds",
    "gauge",
    "target sensor",
    "Achieved sampling interval, mean of the last minute.",
)
SENSOR_READING_AGE_SECONDS = _metric(
    "wattscan_sensor_reading_age_seconds",
    "gauge",
    "target sensor domain",
    "How old the last reading that the domain's energy includes was when the page was made.",
)
SENSOR_UPDATE_PERIOD_SECONDS = _metric(
    "wattscan_sensor_update_period_seconds",
    "gauge",
    "target sensor",
    "The longest time between two renewals of the figure that the sensor reads, where it measures.",
)
SENSOR_UNCERTAINTY_RATIO = _metric(
    "wattscan_sensor_uncertainty_ratio",
    "gauge",
    "target sensor domain",
    "One standard uncertainty of the sensor over its reading.",
)
PAGE_TIMESTAMP = _metric(
    "wattscan_page_timestamp_seconds",
    "gauge",
    "target",
    "Unix time at which the page was made, by the clock of its maker.",
)
THROTTLED = _metric(
    "wattscan_throttled",
    "gauge",
    "target sensor",
    "1 while the device limits its clock, for heat or for power, where it tells.",
)

# --- serving: exported by the service of each target ------------------------------------------

REQUESTS = _metric(
    "wattscan_requests_total",
    "counter",
    "target task precision protocol code",
    "Finished requests; protocol is wattscan.v1, oip or tfs, code the gRPC status name.",
)
REQUEST_DURATION_SECONDS = _metric(
    "wattscan_request_duration_seconds",
    "histogram",
    "target task precision stage",
    "Duration of a request's stages: decode, preprocess, queue, infer, postprocess, total.",
)
BATCH_SIZE = _metric(
    "wattscan_batch_size",
    "histogram",
    "target task precision",
    "Images in an executed batch.",
)
QUEUE_DEPTH = _metric(
    "wattscan_queue_depth",
    "gauge",
    "target task precision",
    "Images waiting.",
)
QUEUE_LIMIT = _metric(
    "wattscan_queue_limit",
    "gauge",
    "target task precision",
    "Images that may wait; a request that would exceed it is refused.",
)
OUTPUT_IMAGES = _metric(
    "wattscan_output_images_total",
    "counter",
    "target task precision",
    "Images that a clinical model has answered, counted by the hundred: so nobody can tell from "
    "two scrapes what was found in one image.",
)
OUTPUT_POSITIVE = _metric(
    "wattscan_output_positive_total",
    "counter",
    "target task precision",
    "Sum, over the images of wattscan_output_images_total, of the share of outputs above one half: "
    "of a mask's pixels, or of the findings. Divided by that count it is the mean share, which "
    "shows whether a variant's answers drift from the reference's.",
)
CERTIFICATE_EXPIRY = _metric(
    "wattscan_tls_certificate_expiry_timestamp_seconds",
    "gauge",
    "target",
    "Unix time at which the server's TLS certificate expires; absent without TLS.",
)
INFERENCE_ENERGY_JOULES = _metric(
    "wattscan_inference_energy_joules_total",
    "counter",
    "target task precision outcome method",
    "Energy attributed to requests; outcome is ok or failed.",
)
IDLE_ENERGY_JOULES = _metric(
    "wattscan_idle_energy_joules_total",
    "counter",
    "target method",
    "Energy while no request was in service.",
)
MODEL_INFO = _metric(
    "wattscan_model_info",
    "gauge",
    "target task precision backend provider format sha256 engine_version threads max_batch_size "
    "datatype computed_in engine_reason",
    "The artifact that is loaded, and what runs it: the engine's version, the threads of one "
    "engine, the images that it takes at once, the data type of its weights (fp32, fp16 or int8), "
    "what its convolutions are computed in (fp32, where the engine widens them), and why it is not "
    "the engine that was asked for. Always 1.",
)
MODEL_QUALITY_RATIO = _metric(
    "wattscan_model_quality_ratio",
    "gauge",
    "target task precision metric dataset sha256",
    "Dice or AUC-ROC from the artifact's model card.",
)
MODEL_PTQ_QUALITY_RATIO = _metric(
    "wattscan_model_ptq_quality_ratio",
    "gauge",
    "target task precision metric dataset sha256",
    "The same network's score where it is quantized by calibration alone, from the model card.",
)
MODEL_QUALITY_DIFFERENCE_RATIO = _metric(
    "wattscan_model_quality_difference_ratio",
    "gauge",
    "target task precision metric dataset bound sha256",
    "The variant's score - FP32's on the same held-out images, from the model card; bound: "
    "estimate, and lower and upper of the 95 % bootstrap interval.",
)
MODEL_AGREEMENT = _metric(
    "wattscan_model_agreement",
    "gauge",
    "target task precision metric reference inputs sha256",
    "How far a model's outputs agree with those of the variant `reference` on the same inputs, "
    "from its model.toml; metric: dice, top_1 and auc_roc (1 is the same), or relative_error (0 is "
    "the same).",
)

# --- load: exported by the load generator -----------------------------------------------------

RUN_INFO = _metric(
    "wattscan_run_info",
    "gauge",
    "run target target_instance profile scenario seed version reference",
    "One run; target_instance is the instance label of the target's series, reference the variant "
    "that the others are compared with. Always 1.",
)
RUN_PARTS = _metric(
    "wattscan_run_parts",
    "gauge",
    "run",
    "In how many parts the run was made: 1, or more where it was resumed.",
)
RUN_PHASE_START = _metric(
    "wattscan_run_phase_start_timestamp_seconds",
    "gauge",
    "run target task precision repeat phase",
    "Unix time at which the phase began.",
)
RUN_PHASE_END = _metric(
    "wattscan_run_phase_end_timestamp_seconds",
    "gauge",
    "run target task precision repeat phase",
    "Unix time at which the phase ended; absent until then.",
)
CLIENT_REQUESTS = _metric(
    "wattscan_client_requests_total",
    "counter",
    "run target task precision repeat outcome",
    "Queries of the load phase: ok, error, or dropped (due, but never sent).",
)
CLIENT_IMAGES = _metric(
    "wattscan_client_images_total",
    "counter",
    "run target task precision repeat",
    "Images answered in the load phase.",
)
CLIENT_LATENCY_SECONDS = _metric(
    "wattscan_client_latency_seconds",
    "histogram",
    "run target task precision repeat",
    "Time to the last byte of a query's answer, from its intended send time in an open loop.",
)
WORKLOAD_SETTINGS = (
    "name", "protocol", "clients", "rate", "in_flight", "batch", "images", "latency_bound",
    "latency_percentile", "min_seconds", "min_queries", "shape", "schedule", "find_rate",
)  # fmt: skip
"""The labels of RUN_WORKLOAD_INFO beside the run's: what a workload file says of the load."""

RUN_WORKLOAD_INFO = _metric(
    "wattscan_run_workload_info",
    "gauge",
    f"run {' '.join(WORKLOAD_SETTINGS)}",
    "What shapes the load, as the workload file has it; of folders and files the name. Always 1.",
)
RUN_SENDERS = _metric(
    "wattscan_run_senders",
    "gauge",
    "run",
    "Processes that sent the queries of the last warm-up or load.",
)
RUN_INCIDENTS = _metric(
    "wattscan_run_incidents_total",
    "counter",
    "run target task precision repeat kind",
    "Incidents in a window: server_lost (it could not be reached), worker_lost (a sender "
    "is gone, and what it counted with it), not_answered (processes whose queries were still open "
    "a minute after the load).",
)
RUN_RATE = _metric(
    "wattscan_run_queries_per_second",
    "gauge",
    "run target task",
    "The rate that a task's queries are sent at (Server).",
)
RUN_HIGHEST_RATE = _metric(
    "wattscan_run_highest_queries_per_second",
    "gauge",
    "run target task precision",
    "The highest rate at which the latency percentile keeps its bound, where it was looked for.",
)
GENERATOR_CPU_RATIO = _metric(
    "wattscan_generator_cpu_ratio",
    "gauge",
    "run",
    "The generator's own CPU use over one core; of several processes, the busiest one's.",
)
RUN_COOLDOWNS_UNWATCHED = _metric(
    "wattscan_run_cooldowns_unwatched",
    "gauge",
    "run",
    "Cooldowns that lasted their longest for want of a temperature to end them by.",
)
RUN_PAGE_TIMESTAMP = _metric(PAGE_TIMESTAMP.name, "gauge", "run", PAGE_TIMESTAMP.help)

# --- written back by the collector ------------------------------------------------------------

CELL_ENERGY_JOULES = _metric(
    "wattscan_cell_energy_joules",
    "gauge",
    "run target task precision kind",
    "Joules per image; kind is gross or net.",
)
CELL_ENERGY_INTERVAL = _metric(
    "wattscan_cell_energy_interval_joules",
    "gauge",
    "run target task precision kind part",
    "The 95 % interval of the joules per image: part is low or high, and scatter, bound and sensor "
    "are what half of it is made of.",
)
CELL_VERDICT = _metric(
    "wattscan_cell_verdict",
    "gauge",
    "run target task precision verdict reason",
    "The verdict on a cell, one series for each reason. Always 1.",
)

CELL_NET_VERDICT = _metric(
    "wattscan_cell_net_verdict",
    "gauge",
    "run target task precision verdict reason",
    "The verdict on a cell's net energy, one series for each reason. Always 1.",
)

GROUPS: dict[str, tuple[Metric, ...]] = {
    "Telemetry (exported by the service of each target)": (
        ENERGY_JOULES,
        POWER_WATTS,
        TEMPERATURE_CELSIUS,
        ENERGY_SOURCE_INFO,
        TARGET_INFO,
        MACHINE_INFO,
        SENSOR_UP,
        SENSOR_PROVING,
        SENSOR_READ_ERRORS,
        SENSOR_COVERED_SECONDS,
        SENSOR_INTERVAL_SECONDS,
        SENSOR_READING_AGE_SECONDS,
        SENSOR_UPDATE_PERIOD_SECONDS,
        SENSOR_UNCERTAINTY_RATIO,
        THROTTLED,
        PAGE_TIMESTAMP,
    ),
    "Serving (exported by the service of each target)": (
        REQUESTS,
        REQUEST_DURATION_SECONDS,
        BATCH_SIZE,
        QUEUE_DEPTH,
        QUEUE_LIMIT,
        OUTPUT_IMAGES,
        OUTPUT_POSITIVE,
        INFERENCE_ENERGY_JOULES,
        IDLE_ENERGY_JOULES,
        MODEL_INFO,
        MODEL_QUALITY_RATIO,
        MODEL_PTQ_QUALITY_RATIO,
        MODEL_QUALITY_DIFFERENCE_RATIO,
        MODEL_AGREEMENT,
        CERTIFICATE_EXPIRY,
    ),
    "Load (exported by the load generator)": (
        RUN_INFO,
        RUN_WORKLOAD_INFO,
        RUN_PARTS,
        RUN_SENDERS,
        RUN_RATE,
        RUN_HIGHEST_RATE,
        RUN_INCIDENTS,
        RUN_PHASE_START,
        RUN_PHASE_END,
        CLIENT_REQUESTS,
        CLIENT_IMAGES,
        CLIENT_LATENCY_SECONDS,
        GENERATOR_CPU_RATIO,
        RUN_COOLDOWNS_UNWATCHED,
        RUN_PAGE_TIMESTAMP,
    ),
    "Written back (by the collector)": (
        CELL_ENERGY_JOULES,
        CELL_ENERGY_INTERVAL,
        CELL_VERDICT,
        CELL_NET_VERDICT,
    ),
}
"""Who exports what, in the order of the documentation."""
