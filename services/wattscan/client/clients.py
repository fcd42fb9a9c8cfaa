"""`Client` and `AsyncClient`: the same calls, one that waits and one to be awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import grpc.aio
from numpy.typing import NDArray

from wattscan.client import answers, connection, questions
from wattscan.client.answers import Classification, Inference, Segmentation, ServedModel
from wattscan.client.connection import Tls
from wattscan.client.questions import Image
from wattscan.contracts import WattscanError
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

LOOPBACK = "127.0.0.1:8001"
SECONDS = 30.0
ATTEMPTS = 4


class Client:
    """A connection to one service. Thread-safe; close it, or use it in a `with` block.

    A call that the service refuses for now (too many, no memory, stopping) is sent again, messages
    of any size too, after the time that the service names. Every call may raise `RequestFailed`.
    """

    def __init__(
        self,
        address: str = LOOPBACK,
        *,
        token: str | None = None,
        tls: Tls | None = None,
        timeout: float = SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Connects when it is first used.

        Args:
            address: HOST:PORT of the service's gRPC port.
            token: a bearer token of the service's; with TLS only, on anything but loopback.
            tls: how to trust the service; None: in the clear.
            timeout: of each call with all that it is sent again, s.
            attempts: how often a call is sent at most, 1 to 5.

        Raises: WattscanError: a file of `tls` cannot be read.
        """
        self._address, self._timeout, self._closed = address, timeout, False
        self._metadata = connection.metadata(address, token, tls)
        told = connection.options(address, attempts)
        place = connection.target(address)
        self._channel = (
            grpc.secure_channel(place, tls.credentials(), told)
            if tls
            else grpc.insecure_channel(place, told)
        )
        self._typed = rpc.ImagingServiceStub(self._channel)
        self._tensors = oip_rpc.GRPCInferenceServiceStub(self._channel)

    def segment(
        self,
        image: Image,
        task: str,
        variant: str = "int8",
        *,
        frame: int = 0,
        timeout: float | None = None,
    ) -> Segmentation:
        """Outline a structure.

        Args:
            image: a path, a file's bytes, or pixels; see `questions.Image`.
            task: such as `nerve-ultrasound`.
            variant: which of the task's models.
            frame: which one of a file of several.
            timeout: in place of the client's, s.

        Raises: RequestFailed; WattscanError: the image cannot be sent.
        """
        request = questions.segment(image, task, variant, frame)
        return answers.segmentation(self._call(self._typed.Segment, request, timeout))

    def classify(
        self,
        image: Image,
        task: str,
        variant: str = "int8",
        *,
        frame: int = 0,
        timeout: float | None = None,
    ) -> Classification:
        """Rate findings; the arguments are those of `segment`."""
        request = questions.classify(image, task, variant, frame)
        return answers.classification(self._call(self._typed.Classify, request, timeout))

    def infer(
        self,
        model: str,
        inputs: Mapping[str, NDArray[Any]],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Inference:
        """Run any model on tensors.

        Args:
            model: its name.
            inputs: an array for each of its inputs, of the input's type and shape.
            version: which version; the one that the service serves by default unless given.
            outputs: the outputs that are wanted; all unless given.
            timeout: in place of the client's, s.

        Raises: RequestFailed; WattscanError: an array has a type that the protocol does not have.
        """
        request = questions.infer(model, inputs, version, outputs)
        return answers.inference(self._call(self._tensors.ModelInfer, request, timeout))

    def models(self, *, timeout: float | None = None) -> list[ServedModel]:
        """The clinical models that the service has."""
        return answers.served(self._call(self._typed.ListModels, pb.ListModelsRequest(), timeout))

    def close(self) -> None:
        """End the connection."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        seconds = self._timeout if timeout is None else timeout
        if self._closed:
            raise WattscanError("the client is closed")
        try:
            return method(request, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise answers.failure(error, self._address) from None
