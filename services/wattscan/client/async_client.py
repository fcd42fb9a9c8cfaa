"""A client for asyncio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import grpc
import grpc.aio
from numpy.typing import NDArray

from wattscan.client import answers, connection, questions
from wattscan.client.answers import Classification, Inference, Segmentation, ServedModel
from wattscan.client.clients import ATTEMPTS, LOOPBACK, SECONDS
from wattscan.client.connection import Tls
from wattscan.client.questions import Image
from wattscan.contracts import WattscanError
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc


class AsyncClient:
    """`Client` for asyncio: the same calls and arguments, each to be awaited; for one event loop.

    Close it, or use it in an `async with` block.
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
        """As `Client`; inside of the event loop that it is for."""
        self._address, self._timeout, self._closed = address, timeout, False
        self._metadata = connection.metadata(address, token, tls)
        told = connection.options(address, attempts)
        place = connection.target(address)
        self._channel = (
            grpc.aio.secure_channel(place, tls.credentials(), told)
            if tls
            else grpc.aio.insecure_channel(place, told)
        )
        # The stubs take a channel of either kind, which their types do not say.
        channel: Any = self._channel
        self._typed = rpc.ImagingServiceStub(channel)
        self._tensors = oip_rpc.GRPCInferenceServiceStub(channel)

    async def segment(
        self,
        image: Image,
        task: str,
        variant: str = "int8",
        *,
        frame: int = 0,
        timeout: float | None = None,
    ) -> Segmentation:
        """As `Client.segment`."""
        request = questions.segment(image, task, variant, frame)
        return answers.segmentation(await self._call(self._typed.Segment, request, timeout))

    async def classify(
        self,
        image: Image,
        task: str,
        variant: str = "int8",
        *,
        frame: int = 0,
        timeout: float | None = None,
    ) -> Classification:
        """As `Client.classify`."""
        request = questions.classify(image, task, variant, frame)
        return answers.classification(await self._call(self._typed.Classify, request, timeout))

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, NDArray[Any]],
        *,
        version: str = "",
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Inference:
        """As `Client.infer`."""
        request = questions.infer(model, inputs, version, outputs)
        return answers.inference(await self._call(self._tensors.ModelInfer, request, timeout))

    async def models(self, *, timeout: float | None = None) -> list[ServedModel]:
        """As `Client.models`."""
        answer = await self._call(self._typed.ListModels, pb.ListModelsRequest(), timeout)
        return answers.served(answer)

    async def close(self) -> None:
        """End the connection."""
        self._closed = True
        await self._channel.close(None)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        seconds = self._timeout if timeout is None else timeout
        if self._closed:
            raise WattscanError("the client is closed")
        try:
            return await method(request, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise answers.failure(error, self._address) from None
