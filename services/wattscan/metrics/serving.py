"""Exported by the service of each target: its requests and its models."""

from wattscan.metrics.kind import metric

REQUESTS = metric(
    "wattscan_requests_total",
    "counter",
    "target task precision protocol code",
    "Finished requests; protocol is wattscan.v1, oip or tfs, code the gRPC status name.",
)

REQUEST_DURATION_SECONDS = metric(
    "wattscan_request_duration_seconds",
    "histogram",
    "target task precision stage",
    "Duration of a request's stages: decode, preprocess, queue, infer, postprocess, total.",
)

BATCH_SIZE = metric(
    "wattscan_batch_size",
    "histogram",
    "target task precision",
    "Images in an executed batch.",
)

QUEUE_DEPTH = metric(
    "wattscan_queue_depth",
    "gauge",
    "target task precision",
    "Images waiting.",
)

QUEUE_LIMIT = metric(
    "wattscan_queue_limit",
    "gauge",
    "target task precision",
    "Images that may wait; a request that would exceed it is refused.",
)

OUTPUT_IMAGES = metric(
    "wattscan_output_images_total",
    "counter",
    "target task precision",
    "Images that a clinical model has answered, counted by the hundred: so nobody can tell from "
    "two scrapes what was found in one image.",
)

OUTPUT_POSITIVE = metric(
    "wattscan_output_positive_total",
    "counter",
    "target task precision",
    "Sum, over the images of wattscan_output_images_total, of the share of outputs above one half: "
    "of a mask's pixels, or of the findings. Divided by that count it is the mean share, which "
    "shows whether a variant's answers drift from the reference's.",
)

INFERENCE_ENERGY_JOULES = metric(
    "wattscan_inference_energy_joules_total",
    "counter",
    "target task precision outcome method",
    "Energy attributed to requests; outcome is ok or failed.",
)

IDLE_ENERGY_JOULES = metric(
    "wattscan_idle_energy_joules_total",
    "counter",
    "target method",
    "Energy while no request was in service.",
)

MODEL_INFO = metric(
    "wattscan_model_info",
    "gauge",
    "target task precision backend provider format sha256 engine_version threads max_batch_size "
    "datatype computed_in engine_reason",
    "The artifact that is loaded, and what runs it: the engine's version, the threads of one "
    "engine, the images that it takes at once, the data type of its weights (fp32, fp16 or int8), "
    "what its convolutions are computed in (fp32, where the engine widens them), and why it is not "
    "the engine that was asked for. Always 1.",
)

MODEL_QUALITY_RATIO = metric(
    "wattscan_model_quality_ratio",
    "gauge",
    "target task precision metric dataset sha256",
    "Dice or AUC-ROC from the artifact's model card.",
)

MODEL_PTQ_QUALITY_RATIO = metric(
    "wattscan_model_ptq_quality_ratio",
    "gauge",
    "target task precision metric dataset sha256",
    "The same network's score where it is quantized by calibration alone, from the model card.",
)

MODEL_QUALITY_DIFFERENCE_RATIO = metric(
    "wattscan_model_quality_difference_ratio",
    "gauge",
    "target task precision metric dataset bound sha256",
    "The variant's score - FP32's on the same held-out images, from the model card; bound: "
    "estimate, and lower and upper of the 95 % bootstrap interval.",
)

MODEL_AGREEMENT = metric(
    "wattscan_model_agreement",
    "gauge",
    "target task precision metric reference inputs sha256",
    "How far a model's outputs agree with those of the variant `reference` on the same inputs, "
    "from its model.toml; metric: dice, top_1 and auc_roc (1 is the same), or relative_error (0 is "
    "the same).",
)

CERTIFICATE_EXPIRY = metric(
    "wattscan_tls_certificate_expiry_timestamp_seconds",
    "gauge",
    "target",
    "Unix time at which the server's TLS certificate expires; absent without TLS.",
)
