"""The typed protocol, `wattscan.v1.ImagingService`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message

from wattscan.contracts import Finding, InvalidImage, Mask, Pixels, TaskKind
from wattscan.imaging import decode, raw
from wattscan.serving.errors import RequestRefused, status_of
from wattscan.serving.models import ServedModel
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import Answer, ImageRequest, Pipeline
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
_ImageMessage = TypeVar("_ImageMessage", pb.SegmentRequest, pb.ClassifyRequest)
_Response = TypeVar("_Response")

log = logging.getLogger(__name__)


class ImagingService:
    """Translates between messages and the pipeline."""

    def __init__(self, pipeline: Pipeline, observations: Observations) -> None:
        self._pipeline = pipeline
        self._observations = observations

    def handler(self) -> grpc.GenericRpcHandler[bytes, Message]:
        """What a gRPC server needs to serve it."""
        methods = {
            "Segment": self._segment,
            "Classify": self._classify,
            "ListModels": self._list_models,
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                # Bytes come in: gRPC's own parsing would log what it cannot parse.
                name: grpc.unary_unary_rpc_method_handler(
                    method, response_serializer=lambda message: message.SerializeToString()
                )
                for name, method in methods.items()
            },
        )

    def _segment(self, data: bytes, context: grpc.ServicerContext) -> pb.SegmentResponse:
        return self._answer(pb.SegmentRequest, data, context, "segmentation", _segment_response)

    def _classify(self, data: bytes, context: grpc.ServicerContext) -> pb.ClassifyResponse:
        return self._answer(pb.ClassifyRequest, data, context, "classification", _classify_response)

    def _list_models(self, _data: bytes, _context: grpc.ServicerContext) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(models=[_served(model) for model in self._pipeline.models])

    def _answer(
        self,
        message_type: type[_ImageMessage],
        data: bytes,
        context: grpc.ServicerContext,
        kind: TaskKind,
        respond: Callable[[Answer], _Response],
    ) -> _Response:
        task = precision = "unknown"
        code = grpc.StatusCode.OK
        try:
            message = _parse(message_type, data)
            model = self._pipeline.models.get(message.task, _precision(message.precision))
            # Labels come from what is served, never from what a client writes.
            task, precision = model.card.task, model.card.precision
            request = ImageRequest(
                task,
                precision,
                kind,
                read_pixels=lambda: _pixels(message.image),
                timeout=context.time_remaining(),
                wanted=context.is_active,
            )
            return respond(self._pipeline.answer(request))
        except Exception as error:
            code, text = status_of(error)
            if code is grpc.StatusCode.INTERNAL:
                # The type and place only: a decoder's text may quote the image's header.
                log.error("request failed: %s", _where(error))
            context.abort(code, text)
            raise  # abort has raised; this is for the type checker
        finally:
            self._observations.finished(task, precision, PROTOCOL, code.name)


def _parse(message_type: type[_ImageMessage], data: bytes) -> _ImageMessage:
    try:
        return message_type.FromString(data)
    except DecodeError:
        name = message_type.DESCRIPTOR.full_name
        raise RequestRefused(f"the request is not a {name} message") from None


def _precision(value: pb.Precision) -> str:
    if value in _PRECISIONS:
        return _PRECISIONS[value]
    given = "not given" if value == pb.PRECISION_UNSPECIFIED else f"{value}, which is unknown"
    raise RequestRefused(f"the precision is {given}: send PRECISION_FP32 or PRECISION_INT8")


def _pixels(image: pb.Image) -> Pixels:
    content = image.WhichOneof("content")
    if content == "encoded":
        return decode(image.encoded, image.frame)
    if content == "raw":
        dtype = _DTYPES.get(image.raw.data_type)
        if dtype is None:
            names = ", ".join(pb.DataType.Name(number) for number in _DTYPES)
            raise InvalidImage(f"the raw tensor's data type must be one of {names}")
        return raw.view(image.raw.data, image.raw.shape, dtype)
    raise InvalidImage("the request has no image: set image.encoded or image.raw")


def _segment_response(answer: Answer) -> pb.SegmentResponse:
    pixels = cast(Mask, answer.result).pixels
    mask = pb.Mask(height=pixels.shape[0], width=pixels.shape[1], pixels=pixels.tobytes())
    return pb.SegmentResponse(mask=mask, receipt=_receipt(answer))


def _classify_response(answer: Answer) -> pb.ClassifyResponse:
    findings = cast("tuple[Finding, ...]", answer.result)
    return pb.ClassifyResponse(
        findings=[pb.Finding(name=f.name, probability=f.probability) for f in findings],
        receipt=_receipt(answer),
    )


def _receipt(answer: Answer) -> pb.Receipt:
    timings = pb.StageTimings(**{f"{k}_seconds": v for k, v in answer.seconds.items()})
    receipt = pb.Receipt(model=_identity(answer.model), timings=timings)
    if answer.energy is not None:
        receipt.energy.joules = answer.energy.energy
        receipt.energy.method = answer.energy.method
        receipt.energy.scope = answer.energy.scope
    return receipt


def _identity(model: ServedModel) -> pb.ModelIdentity:
    return pb.ModelIdentity(
        name=model.card.name, version=model.card.version, sha256=model.file.sha256
    )


def _served(model: ServedModel) -> pb.ServedModel:
    precisions = {name: value for value, name in _PRECISIONS.items()}
    return pb.ServedModel(
        identity=_identity(model),
        task=model.card.task,
        precision=precisions[model.card.precision],
        kind=model.task.kind,
        input_shape=model.task.input_shape,
    )


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    return f"{type(error).__name__} at {place}"
