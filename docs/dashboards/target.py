"""The dashboard *Target*: one device, its sensors and its service."""

from __future__ import annotations

from dashboards.queries import MODEL, TARGET, buckets, of, quantile, rate, total
from dashboards.spec import ZERO_IS_GOOD, Board, Panel, PanelRow, Query
from dashboards.target_sensors import POWER, SENSORS
from wattscan import metrics

_MODEL = "{{task}} {{precision}}"
_DURATION = metrics.REQUEST_DURATION_SECONDS
_TOTAL = rate(of(_DURATION, f'{MODEL}, stage="total"', "bucket"))


def _heat_of(stage: str, title: str, answers: str, wide: bool = False) -> Panel:
    query = Query(
        buckets(_DURATION, f'{MODEL}, stage="{stage}"'), "{{le}}", exemplars=stage == "total"
    )
    return Panel("heatmap", title, answers, "s", (query,), wide=wide)


def _mean_of_stages() -> Query:
    part = {p: f"sum by (stage) ({rate(of(_DURATION, _STAGES, p))})" for p in ("sum", "count")}
    return Query(f"{part['sum']} / {part['count']}", "{{stage}}")


_STAGES = f'{MODEL}, stage!="total"'
_ENERGY = PanelRow(
    "Energy of requests",
    (
        Panel(
            "timeseries",
            "Power of requests and of idling",
            "Where does the power go: to requests that were answered, to requests that failed, or "
            "to waiting for some?",
            "watt",
            (
                Query(
                    total(rate(of(metrics.INFERENCE_ENERGY_JOULES, MODEL)), "outcome, method"),
                    "requests, {{outcome}} ({{method}})",
                ),
                Query(rate(of(metrics.IDLE_ENERGY_JOULES, TARGET)), "idle ({{method}})"),
            ),
            stacked=True,
        ),
        Panel(
            "timeseries",
            "Joules per scan, and the baseline",
            "What does a scan cost, and what did it cost in the last seven days (their median)?",
            "joule",
            (
                Query(
                    of("wattscan:joules_per_scan:rate5m", MODEL),
                    f"{_MODEL} ({{{{method}}}})",
                ),
                Query(
                    of("wattscan:joules_per_scan:baseline7d", MODEL),
                    f"{_MODEL} ({{{{method}}}}), baseline",
                ),
            ),
        ),
    ),
)
_REQUESTS = PanelRow(
    "Requests",
    (
        Panel(
            "timeseries",
            "Requests by status",
            "How many requests end, and with which status?",
            "reqps",
            (
                Query(
                    total(rate(of(metrics.REQUESTS, MODEL)), "task, precision, protocol, code"),
                    f"{_MODEL} {{{{protocol}}}} {{{{code}}}}",
                ),
            ),
        ),
        Panel(
            "timeseries",
            "Requests that the service failed",
            "Which part of the requests fails by the service's doing? A client's mistakes do not "
            "count.",
            "percentunit",
            (Query(of("wattscan:error_ratio:rate5m", MODEL), _MODEL),),
            steps=((None, "green"), (0.01, "red")),
        ),
        Panel(
            "timeseries",
            "Duration: p50, p90, p99",
            "How long do requests take inside the service? Read from a histogram, so between two "
            "of its bounds it is interpolated.",
            "s",
            tuple(
                Query(quantile(q, _TOTAL, "task, precision"), f"{_MODEL} p{q * 100:g}")
                for q in (0.5, 0.9, 0.99)
            ),
            steps=((None, "green"), (1, "red")),
        ),
        Panel(
            "timeseries",
            "Mean of each stage",
            "Which stage of a request takes the time?",
            "s",
            (_mean_of_stages(),),
            stacked=True,
        ),
        _heat_of(
            "total", "Duration, as a heat map", "How do the durations of requests spread?", True
        ),
        _heat_of("queue", "Waiting, as a heat map", "How long do requests wait for an engine?"),
        _heat_of("infer", "Inference, as a heat map", "How long does the engine compute?"),
        _heat_of("decode", "Decoding, as a heat map", "How long does it take to read the images?"),
        _heat_of(
            "preprocess",
            "Preprocessing, as a heat map",
            "How long does it take to make the network's input of a decoded image?",
        ),
        Panel(
            "timeseries",
            "Queue",
            "How many images wait for each model, and how many may?",
            "none",
            (
                Query(of(metrics.QUEUE_DEPTH, MODEL), f"{_MODEL} waiting"),
                Query(of(metrics.QUEUE_LIMIT, MODEL), f"{_MODEL} limit"),
            ),
        ),
        Panel(
            "timeseries",
            "Queue, of its limit",
            "How full has each queue been in the last five minutes?",
            "percentunit",
            (Query(of("wattscan:queue_fill_ratio:max5m", MODEL), _MODEL),),
            steps=((None, "green"), (0.8, "red")),
            top=1,
        ),
        Panel(
            "heatmap",
            "Batch sizes",
            "How many images are computed together?",
            "none",
            (Query(buckets(metrics.BATCH_SIZE, MODEL), "{{le}}"),),
            wide=True,
        ),
    ),
)
_MODELS = PanelRow(
    "Models",
    (
        Panel(
            "table",
            "Models",
            "What is served, in which engine, with how many threads, and why in no other?",
            "string",
            (Query(of(metrics.MODEL_INFO, MODEL), now=True),),
            wide=True,
        ),
        Panel(
            "timeseries",
            "Positive share of the answers",
            "Which part of a mask's pixels, or of the findings, does each variant call positive?",
            "percentunit",
            (Query(of("wattscan:output_positive_ratio:rate6h", MODEL), _MODEL),),
        ),
        Panel(
            "timeseries",
            "Drift of INT8",
            "How far is the positive share of INT8 from the reference's, or, without a reference, "
            "from its own of the week before?",
            "percentunit",
            (Query(of("wattscan:int8_drift_ratio:rate6h", MODEL), _MODEL),),
            steps=((None, "green"), (0.2, "red")),
        ),
        Panel(
            "table",
            "Quality, from the model cards",
            "What did each variant score on its held-out images?",
            "percentunit",
            (Query(of(metrics.MODEL_QUALITY_RATIO, MODEL), now=True),),
        ),
        Panel(
            "table",
            "Quality, less FP32's",
            "How much worse than FP32 is a variant, with its 95 % interval?",
            "percentunit",
            (Query(of(metrics.MODEL_QUALITY_DIFFERENCE_RATIO, MODEL), now=True),),
        ),
        Panel(
            "stat",
            "Certificate",
            "How long is the TLS certificate still good? No data: the service has none.",
            "s",
            (
                Query(
                    f"{of(metrics.CERTIFICATE_EXPIRY, TARGET)} - time()",
                    "{{target}} {{instance}}",
                ),
            ),
            steps=((None, "red"), (14 * 86400, "green")),
        ),
        Panel(
            "stat",
            "Queues that are nearly full",
            "How many queues are fuller than the site allows?",
            "none",
            (
                Query(
                    f"count({of('wattscan:queue_fill_ratio:max5m', MODEL)} > on () group_left () "
                    "wattscan:queue_fill_ratio:limit) or vector(0)",
                    "queues",
                ),
            ),
            steps=ZERO_IS_GOOD,
        ),
    ),
)

BOARD = Board(
    uid="wattscan-target",
    title="Wattscan: target",
    description="One device: what it takes, how well that is measured, and how it serves.",
    link="wattscan-run",
    link_title="The run on this target",
    span="1h",
    rows=(POWER, SENSORS, _ENERGY, _REQUESTS, _MODELS),
)
