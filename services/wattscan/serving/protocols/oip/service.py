"""`inference.GRPCInferenceService`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import grpc

from wattscan import __version__
from wattscan.contracts import Array
from wattscan.serving.call import Call
from wattscan.serving.errors import NotOffered, NotServed, RequestRefused
from wattscan.serving.jobs import TensorJob
from wattscan.serving.messages import Answer, Message
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import Pipeline, total
from wattscan.serving.protocols.fields import large_field
from wattscan.serving.protocols.oip import models
from wattscan.serving.protocols.oip.inputs import InferRequest, arrays_of, read_request
from wattscan.serving.protocols.oip.memory_methods import MemoryMethods
from wattscan.serving.protocols.oip.outputs import RequestedOutput, response, wanted_outputs
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.serving.repository.loaded import LoadedModel
from wattscan.serving.rpc import Method, Service, explain, parsed
from wattscan.wire import open_inference_pb2 as pb

PROTOCOL = "oip"
"""Open at a time; each holds a thread of the server."""

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_EXTENSIONS = (
    "model_repository", "model_repository(unload_dependents)", "model_configuration",
    "system_shared_memory", "binary_tensor_data", "parameters", "statistics", "schedule_policy",
)  # fmt: skip
_Methods: TypeAlias = dict[str, tuple[Any, Callable[[Any], Any]]]
_STREAMED = pb.ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER
_NONE_HERE = ("CudaSharedMemoryStatus", "CudaSharedMemoryRegister", "CudaSharedMemoryUnregister")
_NO_SETTINGS = ("TraceSetting", "LogSettings")


class InferenceService:
    """Translates between messages and the pipeline."""

    def __init__(
        self, pipeline: Pipeline, observations: Observations, memory: SharedMemory
    ) -> None:
        self._pipeline = pipeline
        self._observations = observations
        self._memory = memory

    def service(self) -> Service:
        """Its methods."""
        plain: _Methods = {
            "ServerLive": (pb.ServerLiveRequest, self._live),
            "ServerReady": (pb.ServerReadyRequest, self._ready),
            "ServerMetadata": (pb.ServerMetadataRequest, self._server),
            "ModelReady": (pb.ModelReadyRequest, self._model_ready),
            "ModelMetadata": (pb.ModelMetadataRequest, self._metadata),
            "ModelConfig": (pb.ModelConfigRequest, self._config),
            "ModelStatistics": (pb.ModelStatisticsRequest, self._statistics),
            "RepositoryIndex": (pb.RepositoryIndexRequest, self._index),
            **MemoryMethods(self._memory).methods(),
        }
        admin: _Methods = {
            "RepositoryModelLoad": (pb.RepositoryModelLoadRequest, self._load),
            "RepositoryModelUnload": (pb.RepositoryModelUnloadRequest, self._unload),
        }
        methods = {name: Method(_plain(kind, answer)) for name, (kind, answer) in plain.items()}
        methods |= {
            name: Method(_plain(kind, answer), role="admin")
            for name, (kind, answer) in admin.items()
        }
        methods |= {name: Method(partial(_refused, text=_CUDA)) for name in _NONE_HERE}
        methods |= {
            name: Method(partial(_refused, text=_SETTINGS), role="admin") for name in _NO_SETTINGS
        }
        methods["ModelInfer"] = Method(self._infer, infers=True)
        methods["ModelStreamInfer"] = Method(stream=self._stream)
        return Service(SERVICE, PROTOCOL, methods)

    def _infer(self, data: bytes, call: Call) -> list[Message]:
        return self._answer(read_request(data), call)

    def _answer(self, request: InferRequest, call: Call) -> list[Message]:
        head = request.head
        _apply_parameters(head, call)
        wanted: list[RequestedOutput] = []

        def read(model: LoadedModel) -> dict[str, Array]:
            # What is asked for is checked before anything is computed.
            wanted.extend(wanted_outputs(head, model))
            return arrays_of(request, self._memory)

        version = _version(head.model_version)
        outputs = self._pipeline.answer(head.model_name, version, TensorJob(read), call)
        return response(head, wanted, outputs, call, self._memory)

    def _stream(self, messages: Iterator[bytes], call: Call) -> Iterator[Answer]:
        """One answer a request, in their order; one that fails is told, and the stream goes on."""
        waiting: Callable[[], None] | None = None

        def wake() -> None:
            if waiting is not None:
                waiting()

        def on_end(each: Callable[[], None]) -> bool:
            # Registered once: gRPC keeps what it is given for as long as the stream lasts.
            nonlocal waiting
            waiting = each
            return call.is_alive()

        call.on_end(wake)
        for data in messages:
            part = call.part(on_end)
            yield self._stream_answer(data, part)
            call.energy, call.model = total(call.energy, part.energy), part.model or call.model

    def _stream_answer(self, data: bytes, part: Call) -> Answer:
        request_id, code = "", grpc.StatusCode.OK
        try:
            part.admit()
            request = read_request(data)
            request_id = request.head.id
            answer = self._answer(request, part)
            return [large_field(_STREAMED, sum(map(len, answer))), *answer]
        except Exception as error:
            code, text = explain(error, part)
            refused = pb.ModelStreamInferResponse(
                error_message=text, infer_response=pb.ModelInferResponse(id=request_id)
            )
            return refused.SerializeToString()
        finally:
            self._observations.finished(*part.labels, PROTOCOL, code.name)

    def _live(self, _message: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    def _ready(self, _message: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        hanging = any(model.batcher.hanging for model in self._pipeline.models)
        return pb.ServerReadyResponse(ready=not hanging and not self._pipeline.draining)

    def _server(self, _message: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(
            name="wattscan", version=__version__, extensions=_EXTENSIONS
        )

    def _model_ready(self, message: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        try:
            model = self._model(message)
        except NotServed:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(
            ready=not model.batcher.hanging and not self._pipeline.draining
        )

    def _metadata(self, message: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        return models.metadata(self._model(message), self._pipeline.models.versions(message.name))

    def _config(self, message: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
        return pb.ModelConfigResponse(config=models.config(self._model(message)))

    def _statistics(self, message: pb.ModelStatisticsRequest) -> pb.ModelStatisticsResponse:
        chosen = list(self._pipeline.models) if not message.name else [self._model(message)]
        return pb.ModelStatisticsResponse(model_stats=[models.statistics(m) for m in chosen])

    def _index(self, message: pb.RepositoryIndexRequest) -> pb.RepositoryIndexResponse:
        return models.index(self._pipeline.models.index(), message.ready)

    def _load(self, message: pb.RepositoryModelLoadRequest) -> pb.RepositoryModelLoadResponse:
        if message.parameters:
            raise RequestRefused(
                "a model is loaded as its folder says: put files and model.toml there instead of "
                "parameters"
            )
        self._pipeline.models.load(message.model_name)
        return pb.RepositoryModelLoadResponse()

    def _unload(self, message: pb.RepositoryModelUnloadRequest) -> pb.RepositoryModelUnloadResponse:
        self._pipeline.models.unload(message.model_name)
        return pb.RepositoryModelUnloadResponse()

    def _model(
        self,
        message: pb.ModelReadyRequest
        | pb.ModelMetadataRequest
        | pb.ModelConfigRequest
        | pb.ModelStatisticsRequest,
    ) -> LoadedModel:
        return self._pipeline.models.get(message.name, _version(message.version))


_CUDA = "CUDA shared memory is not offered: send raw contents, or use system shared memory"
_SETTINGS = "trace and log settings are given when the server starts: see wattscan serve --help"


def _plain(message_type: Any, method: Callable[[Any], Any]) -> Callable[[bytes, Call], bytes]:
    def answer(data: bytes, _call: Call) -> bytes:
        made: bytes = method(parsed(message_type, data)).SerializeToString()
        return made

    return answer


def _refused(_data: bytes, _call: Call, text: str) -> bytes:
    raise NotOffered(text)


def _version(text: str) -> int | None:
    """The protocol's versions are texts; ours are numbers. Raises: NotServed."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotServed("a version is a whole number")
    return int(text)


def _apply_parameters(request: pb.ModelInferRequest, call: Call) -> None:
    """`priority` and `timeout` (microseconds). Raises: RequestRefused, for a sequence."""
    parameters = request.parameters
    if "sequence_id" in parameters:
        sequence = parameters["sequence_id"]
        if sequence.int64_param or sequence.uint64_param or sequence.string_param:
            raise RequestRefused("no model here keeps the state of a sequence")
    if "priority" in parameters:
        priority = parameters["priority"]
        call.priority = max(0, priority.uint64_param or priority.int64_param)
    if "timeout" in parameters:
        timeout = parameters["timeout"]
        microseconds = timeout.int64_param or timeout.uint64_param
        if microseconds > 0:
            call.shorten(microseconds / 1e6)
