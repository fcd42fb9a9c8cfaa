"""`wattscan.v1`: images as the modality gives them."""

from __future__ import annotations

from loadtest.connection import Connection
from loadtest.inputs import files_of
from loadtest.protocols.requests import Requests, Subject
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.workloads import Workload

_SERVICE = "/wattscan.v1.ImagingService/"
_METHODS: dict[str, tuple[str, type[pb.SegmentRequest] | type[pb.ClassifyRequest]]] = {
    "segmentation": ("Segment", pb.SegmentRequest),
    "classification": ("Classify", pb.ClassifyRequest),
}


class Typed:
    """The clinical tasks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def subjects(self) -> dict[str, Subject]:
        """The tasks that have a model."""
        return tasks(self._connection)

    def requests(self, workload: Workload, subject: Subject, variant: str) -> Requests:
        """A file in each."""
        return requests_of(workload, subject, variant)


def requests_of(workload: Workload, subject: Subject, variant: str) -> Requests:
    """A file in each, for a variant of a task. Raises: WattscanError."""
    method, message = _METHODS[subject.kind]
    requests = (
        message(task=subject.name, variant=variant, image=pb.Image(encoded=data))
        for data in files_of(workload, subject.name)
    )
    return Requests(_SERVICE + method, 1, tuple(each.SerializeToString() for each in requests))


def tasks(connection: Connection) -> dict[str, Subject]:
    """The clinical tasks of a service. Raises: grpc.RpcError."""
    asked = pb.ListModelsRequest().SerializeToString()
    models = pb.ListModelsResponse.FromString(connection.ask(f"{_SERVICE}ListModels", asked)).models
    kinds = {model.task: model.kind for model in models}
    return {
        task: Subject(task, kind, {m.variant: m.identity.name for m in models if m.task == task})
        for task, kind in kinds.items()
    }
