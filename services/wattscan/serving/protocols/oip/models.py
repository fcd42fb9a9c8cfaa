"""What the server says of its models: metadata, configuration, statistics, the index."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.contracts import TensorSpec
from wattscan.serving.protocols.oip.datatypes import config_type, name_of
from wattscan.serving.repository.config import VersionPolicy
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.repository.repository import IndexEntry
from wattscan.serving.repository.statistics import Duration, Snapshot
from wattscan.wire import open_inference_pb2 as pb

_PLATFORMS = {
    "onnx": "onnxruntime_onnx",
    "onnx-symmetric": "onnxruntime_onnx",
    "tflite": "tensorflow_tflite",
}


def metadata(model: LoadedModel, versions: Sequence[int]) -> pb.ModelMetadataResponse:
    """The tensors that the model takes and gives, with the batch's axis."""
    return pb.ModelMetadataResponse(
        name=model.name,
        versions=[str(version) for version in versions],
        platform=_PLATFORMS[model.file.format],
        inputs=[_tensor(spec) for spec in model.inputs],
        outputs=[_tensor(spec) for spec in model.outputs],
    )


def config(model: LoadedModel) -> pb.ModelConfig:
    """In Triton's terms; `max_batch_size` 0 is a model without an axis for a batch."""
    settings = model.batcher.settings
    made = pb.ModelConfig(
        name=model.name,
        platform=_PLATFORMS[model.file.format],
        backend=model.backend,
        version_policy=_policy(model.config.policy),
        max_batch_size=settings.max_batch_size if model.batched else 0,
        default_model_filename=model.file.path.name,
        instance_group=[
            pb.ModelInstanceGroup(name=model.name, kind="KIND_MODEL", count=settings.instances)
        ],
    )
    first = 1 if model.batched else 0
    for spec in model.inputs:
        made.input.add(name=spec.name, data_type=config_type(spec.dtype), dims=spec.shape[first:])
    for spec in model.outputs:
        made.output.add(name=spec.name, data_type=config_type(spec.dtype), dims=spec.shape[first:])
    queue = made.dynamic_batching
    queue.max_queue_delay_microseconds = round(settings.queue_delay * 1e6)
    queue.priority_levels = settings.priority_levels
    queue.default_priority_level = settings.priority_levels
    queue.default_queue_policy.max_queue_size = settings.queue_limit
    queue.default_queue_policy.allow_timeout_override = True
    return made


def statistics(model: LoadedModel) -> pb.ModelStatistics:
    """What the version has done since it was loaded."""
    now = model.statistics.snapshot()
    made = pb.ModelStatistics(
        name=model.name,
        version=str(model.version),
        last_inference=now.last_inference_ms,
        inference_count=now.inferences,
        execution_count=now.executions,
    )
    for name in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
        getattr(made.inference_stats, name).CopyFrom(_duration(now, name))
    for size, duration in sorted(now.batches.items()):
        batch = made.batch_stats.add(batch_size=size)
        batch.compute_infer.count = duration.count
        batch.compute_infer.ns = duration.nanoseconds
    return made


def index(entries: Sequence[IndexEntry], ready_only: bool) -> pb.RepositoryIndexResponse:
    """A line for each version."""
    made = pb.RepositoryIndexResponse()
    for entry in entries:
        if entry.ready or not ready_only:
            made.models.add(
                name=entry.name,
                version=str(entry.version) if entry.version else "",
                state="READY" if entry.ready else "UNAVAILABLE",
                reason=entry.reason,
            )
    return made


def _tensor(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=name_of(spec.dtype), shape=spec.shape
    )


def _policy(policy: VersionPolicy) -> pb.ModelVersionPolicy:
    made = pb.ModelVersionPolicy()
    if policy.specific:
        made.specific.versions.extend(policy.specific)
    elif policy.latest is None:
        made.all.SetInParent()
    else:
        made.latest.num_versions = policy.latest
    return made


def _duration(now: Snapshot, name: str) -> pb.StatisticDuration:
    duration = now.durations.get(name, Duration())
    return pb.StatisticDuration(count=duration.count, ns=duration.nanoseconds)
