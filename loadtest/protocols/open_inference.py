"""The Open Inference Protocol, its tensors as raw contents."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from loadtest.connection import Connection
from loadtest.inputs import Input
from loadtest.protocols.requests import Requests, Subject
from loadtest.protocols.tensors import named_models, tensor_batches
from loadtest.protocols.typed import tasks
from wattscan.contracts import WattscanError
from wattscan.datatypes import DTYPES, NAMES
from wattscan.samples import Sample
from wattscan.wire import open_inference_pb2 as pb
from wattscan.workloads import Workload

SERVICE = "/inference.GRPCInferenceService/"


class OpenInference:
    """Clinical tasks and any other model."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def subjects(self) -> dict[str, Subject]:
        """The tasks, where the service has some, and every other model that is ready."""
        asked = pb.RepositoryIndexRequest(ready=True).SerializeToString()
        answer = self._connection.ask(f"{SERVICE}RepositoryIndex", asked)
        names = [model.name for model in pb.RepositoryIndexResponse.FromString(answer).models]
        clinical = _clinical(self._connection)
        taken = {name for task in clinical.values() for name in task.models.values()}
        return {**named_models([name for name in names if name not in taken]), **clinical}

    def requests(self, workload: Workload, subject: Subject, variant: str) -> Requests:
        """A batch in each."""
        model = subject.models[variant]
        size, samples = tensor_batches(
            workload, subject, self.inputs(model), "" if subject.kind else model
        )
        requests = (request(model, sample).SerializeToString() for sample in samples)
        return Requests(f"{SERVICE}ModelInfer", size, tuple(requests))

    def inputs(self, model: str) -> list[Input]:
        """Raises: grpc.RpcError; WattscanError: a type that is not sent, or none at all."""
        found = tensors_of(model, self.metadata(model).inputs)
        if not found:
            raise WattscanError(f"{model} has no input: there is nothing to send")
        return found

    def metadata(self, model: str) -> pb.ModelMetadataResponse:
        """What the service says of a model. Raises: grpc.RpcError."""
        asked = pb.ModelMetadataRequest(name=model).SerializeToString()
        answer = self._connection.ask(f"{SERVICE}ModelMetadata", asked)
        return pb.ModelMetadataResponse.FromString(answer)


def request(model: str, sample: Sample) -> pb.ModelInferRequest:
    """Its tensors by name."""
    message = pb.ModelInferRequest(model_name=model)
    for name, array in sample.items():
        message.inputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
        message.raw_input_contents.append(array.tobytes())
    return message


def tensors_of(
    model: str, metadata: Iterable[pb.ModelMetadataResponse.TensorMetadata]
) -> list[Input]:
    """Raises: WattscanError: a type that is not sent."""
    found = []
    for each in metadata:
        if each.datatype not in DTYPES:
            raise WattscanError(f"{model} has {each.name} of {each.datatype}, which is not sent")
        found.append(Input(each.name, DTYPES[each.datatype], tuple(each.shape)))
    return found


def _clinical(connection: Connection) -> dict[str, Subject]:
    try:
        return tasks(connection)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:  # another server, which has no tasks
            return {}
        raise
