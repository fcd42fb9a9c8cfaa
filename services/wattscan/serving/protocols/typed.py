"""The typed protocol, `wattscan.v1.ImagingService`."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from wattscan.contracts import Finding, InvalidImage, Limits, Mask, Pixels, TaskKind
from wattscan.imaging import decode, raw
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused
from wattscan.serving.jobs import ImageJob, clinical_of
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.rpc import Method, Service, parsed
from wattscan.wire import wattscan_v1_pb2 as pb

PROTOCOL = "wattscan.v1"
SERVICE = pb.DESCRIPTOR.services_by_name["ImagingService"].full_name

_PRECISIONS = {pb.PRECISION_FP32: "fp32", pb.PRECISION_INT8: "int8"}
_DTYPES: dict[int, np.dtype[Any]] = {
    pb.DATA_TYPE_UINT8: np.dtype("u1"),
    pb.DATA_TYPE_UINT16: np.dtype("<u2"),
    pb.DATA_TYPE_INT16: np.dtype("<i2"),
    pb.DATA_TYPE_FP32: np.dtype("<f4"),
}


class ImagingService:
    """Translates between messages and the pipeline."""

    def __init__(self, pipeline: Pipeline, limits: Limits) -> None:
        self._pipeline = pipeline
        self._limits = limits

    def service(self) -> Service:
        """Its methods."""
        methods = {
            "Segment": Method(self._segment, infers=True),
            "Classify": Method(self._classify, infers=True),
            "ListModels": Method(self._list_models),
        }
        return Service(SERVICE, PROTOCOL, methods)

    def _segment(self, data: bytes, call: Call) -> bytes:
        message: pb.SegmentRequest = parsed(pb.SegmentRequest, data)
        mask = cast(Mask, self._answer(message, "segmentation", call)).pixels
        height, width = mask.shape
        return pb.SegmentResponse(
            mask=pb.Mask(height=height, width=width, pixels=mask.tobytes()), receipt=_receipt(call)
        ).SerializeToString()

    def _classify(self, data: bytes, call: Call) -> bytes:
        message: pb.ClassifyRequest = parsed(pb.ClassifyRequest, data)
        findings = cast("tuple[Finding, ...]", self._answer(message, "classification", call))
        return pb.ClassifyResponse(
            findings=[pb.Finding(name=f.name, probability=f.probability) for f in findings],
            receipt=_receipt(call),
        ).SerializeToString()

    def _list_models(self, _data: bytes, _call: Call) -> bytes:
        clinical = [model for model in self._pipeline.models if model.clinical is not None]
        return pb.ListModelsResponse(
            models=[_served(model) for model in clinical]
        ).SerializeToString()

    def _answer(
        self, message: pb.SegmentRequest | pb.ClassifyRequest, kind: TaskKind, call: Call
    ) -> Mask | tuple[Finding, ...]:
        name = f"{message.task}-{_precision(message.precision)}"
        job = ImageJob(kind, lambda: self._pixels(message.image))
        return self._pipeline.answer(name, None, job, call)

    def _pixels(self, image: pb.Image) -> Pixels:
        content = image.WhichOneof("content")
        if content == "encoded":
            return decode(image.encoded, image.frame, self._limits)
        if content == "raw":
            dtype = _DTYPES.get(image.raw.data_type)
            if dtype is None:
                names = ", ".join(pb.DataType.Name(number) for number in _DTYPES)
                raise InvalidImage(f"the raw tensor's data type must be one of {names}")
            return raw.view(image.raw.data, image.raw.shape, dtype, self._limits)
        raise InvalidImage("the request has no image: set image.encoded or image.raw")


def _precision(value: pb.Precision) -> str:
    if value in _PRECISIONS:
        return _PRECISIONS[value]
    given = "not given" if value == pb.PRECISION_UNSPECIFIED else f"{value}, which is unknown"
    raise RequestRefused(f"the precision is {given}: send PRECISION_FP32 or PRECISION_INT8")


def _receipt(call: Call) -> pb.Receipt:
    timings = pb.StageTimings(**{f"{k}_seconds": v for k, v in call.seconds.items()})
    receipt = pb.Receipt(timings=timings)
    if call.model is not None:
        receipt.model.CopyFrom(_identity(call.model))
    if call.energy is not None:
        receipt.energy.joules = call.energy.energy
        receipt.energy.method = call.energy.method
        receipt.energy.scope = call.energy.scope
    return receipt


def _identity(model: LoadedModel) -> pb.ModelIdentity:
    return pb.ModelIdentity(name=model.name, version=str(model.version), sha256=model.file.sha256)


def _served(model: LoadedModel) -> pb.ServedModel:
    precisions = {name: value for value, name in _PRECISIONS.items()}
    clinical = clinical_of(model)
    return pb.ServedModel(
        identity=_identity(model),
        task=clinical.card.task,
        precision=precisions[clinical.card.precision],
        kind=clinical.task.kind,
        input_shape=clinical.task.input_shape,
    )
