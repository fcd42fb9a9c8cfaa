"""The methods of the system shared-memory extension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.wire import open_inference_pb2 as pb


class MemoryMethods:
    """Translates between messages and the regions."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    def methods(self) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
        """Name -> the request's type, and what answers it."""
        return {
            "SystemSharedMemoryStatus": (pb.SystemSharedMemoryStatusRequest, self._status),
            "SystemSharedMemoryRegister": (pb.SystemSharedMemoryRegisterRequest, self._register),
            "SystemSharedMemoryUnregister": (
                pb.SystemSharedMemoryUnregisterRequest,
                self._unregister,
            ),
        }

    def _status(
        self, message: pb.SystemSharedMemoryStatusRequest
    ) -> pb.SystemSharedMemoryStatusResponse:
        return pb.SystemSharedMemoryStatusResponse(regions=self._memory.status(message.name))

    def _register(
        self, message: pb.SystemSharedMemoryRegisterRequest
    ) -> pb.SystemSharedMemoryRegisterResponse:
        self._memory.register(message.name, message.key, message.offset, message.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    def _unregister(
        self, message: pb.SystemSharedMemoryUnregisterRequest
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        self._memory.unregister(message.name)
        return pb.SystemSharedMemoryUnregisterResponse()
