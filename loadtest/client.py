"""A client of the typed service that sends ready-made bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import grpc
from locust.env import Environment

from loadtest.workload import Workload
from wattscan.addresses import grpc_options, grpc_target
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

_TIMEOUT_SECONDS = 30.0
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True)
class ServedTask:
    """A task's kind, segmentation or classification, and the variants that the server has of it."""

    kind: str
    variants: tuple[str, ...]


class Client:
    """One channel. Every call is told to Locust's statistics."""

    def __init__(self, address: str, environment: Environment) -> None:
        options = [*_OPTIONS, *grpc_options(address)]
        self._channel = grpc.insecure_channel(grpc_target(address), options=options)
        self._environment = environment
        self._calls: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    def served(self) -> dict[str, ServedTask]:
        """What the server serves, by task. Raises: grpc.RpcError."""
        stub = rpc.ImagingServiceStub(self._channel)
        models = stub.ListModels(pb.ListModelsRequest(), timeout=_TIMEOUT_SECONDS).models
        return {
            task: ServedTask(kind, tuple(m.variant for m in models if m.task == task))
            for task, kind in {model.task: model.kind for model in models}.items()
        }

    def send(self, workload: Workload, number: int, name: str) -> bool:
        """Send the request of that number and wait for its answer; returns whether it is one."""
        if workload.method not in self._calls:
            # Bytes in, bytes out: a generator should not spend its time on parsing.
            self._calls[workload.method] = self._channel.unary_unary(
                workload.method, request_serializer=None, response_deserializer=None
            )
        start = time.perf_counter()
        length, failure = 0, None
        try:
            call = self._calls[workload.method]
            length = len(call(workload.request(number), timeout=_TIMEOUT_SECONDS))
        except grpc.RpcError as error:
            failure = error
        self._environment.events.request.fire(
            request_type="grpc",
            name=name,
            response_time=(time.perf_counter() - start) * 1000,
            response_length=length,
            exception=failure,
            context={},
        )
        return failure is None
