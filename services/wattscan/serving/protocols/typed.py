"""The typed protocol, `wattscan.v1.ImagingService`."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Finding, InvalidImage, Limits, Mask, Pixels, TaskKind
from wattscan.imaging import decode, raw
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused
from wattscan.serving.jobs import ImageJob, clinical_of
from wattscan.serving.messages import Message
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.fields import large_field, lifted
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.rpc import Method, Service, parsed
from wattscan.wire import wattscan_v1_pb2 as pb

PROTOCOL = "wattscan.v1"
SERVICE = pb.DESCRIPTOR.services_by_name["ImagingService"].full_name

_PRECISIONS = {pb.PRECISION_FP32: "fp32", pb.PRECISION_INT8: "int8"}
# Where the pixels are: in the image that is raw, and not in a file.
_PIXELS = (
    (pb.SegmentRequest.IMAGE_FIELD_NUMBER,),
    (pb.Image.RAW_FIELD_NUMBER, pb.Image.ENCODED_FIELD_NUMBER),
    (pb.RawTensor.DATA_FIELD_NUMBER,),
)
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

    def _segment(self, data: bytes, call: Call) -> list[Message]:
        mask = cast(Mask, self._answer(pb.SegmentRequest, data, "segmentation", call)).pixels
        return _segmented(mask, _receipt(call))

    def _classify(self, data: bytes, call: Call) -> bytes:
        answer = self._answer(pb.ClassifyRequest, data, "classification", call)
        findings = cast("tuple[Finding, ...]", answer)
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
        self, message_type: Any, data: bytes, kind: TaskKind, call: Call
    ) -> Mask | tuple[Finding, ...]:
        # Both requests have the image in the same place; protobuf would copy its pixels twice.
        rest, pixels = lifted(memoryview(data), _PIXELS) or (data, None)
        message: pb.SegmentRequest | pb.ClassifyRequest = parsed(message_type, rest)
        name = f"{message.task}-{_variant(message)}"
        job = ImageJob(kind, lambda windowed: self._pixels(message.image, pixels, windowed))
        return self._pipeline.answer(name, None, job, call)

    def _pixels(self, image: pb.Image, data: memoryview | None, windowed: bool) -> Pixels:
        content = image.WhichOneof("content")
        if content == "encoded":
            return decode(image.encoded, image.frame, self._limits, windowed)
        if content == "raw":
            dtype = _DTYPES.get(image.raw.data_type)
            if dtype is None:
                names = ", ".join(pb.DataType.Name(number) for number in _DTYPES)
                raise InvalidImage(f"the raw tensor's data type must be one of {names}")
            pixels = image.raw.data if data is None else data
            return raw.view(pixels, image.raw.shape, dtype, self._limits)
        raise InvalidImage("the request has no image: set image.encoded or image.raw")


def _segmented(mask: NDArray[np.uint8], receipt: pb.Receipt) -> list[Message]:
    """A serialized SegmentResponse, in parts: the mask is not copied."""
    height, width = mask.shape
    pixels = np.ascontiguousarray(mask).reshape(-1).data
    head = pb.Mask(height=height, width=width).SerializeToString()
    head += large_field(pb.Mask.PIXELS_FIELD_NUMBER, len(pixels))
    number = pb.SegmentResponse.MASK_FIELD_NUMBER
    begin = large_field(number, len(head) + len(pixels)) + head
    return [begin, pixels, pb.SegmentResponse(receipt=receipt).SerializeToString()]


def _variant(message: pb.SegmentRequest | pb.ClassifyRequest) -> str:
    value = message.precision
    if value != pb.PRECISION_UNSPECIFIED and value not in _PRECISIONS:
        raise RequestRefused(
            f"the precision is {value}, which is unknown: send PRECISION_FP32, PRECISION_INT8, or "
            "the name of a variant"
        )
    named = _PRECISIONS.get(value, "")
    if named and message.variant not in ("", named):
        raise RequestRefused(
            f"the precision is {pb.Precision.Name(value)} and the variant {message.variant!r}: "
            "send one of them"
        )
    if not (named or message.variant):
        raise RequestRefused(
            "the precision is not given: send PRECISION_FP32, PRECISION_INT8, or the name of a "
            "variant, such as fp16"
        )
    return named or message.variant


def _receipt(call: Call) -> pb.Receipt:
    timings = pb.StageTimings(**{f"{k}_seconds": v for k, v in call.seconds.items()})
    receipt = pb.Receipt(timings=timings)
    if call.model is not None:
        receipt.model.CopyFrom(_identity(call.model))
    if call.energy is not None:
        receipt.energy.method = call.energy.method
        if call.energy.energy is not None:
            receipt.energy.joules = call.energy.energy
        if call.energy.scope is not None:
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
        precision=precisions.get(clinical.card.precision, pb.PRECISION_UNSPECIFIED),
        variant=clinical.card.precision,
        kind=clinical.task.kind,
        input_shape=clinical.task.input_shape,
    )
