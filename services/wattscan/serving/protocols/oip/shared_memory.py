"""The system shared-memory extension: tensors in POSIX shared memory on this machine."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wattscan.contracts import Array, Limits
from wattscan.serving.errors import NotOffered, NotServed, RequestRefused
from wattscan.wire import open_inference_pb2 as pb

_FOLDER = Path("/dev/shm")  # noqa: S108  where Linux keeps what shm_open opens
_KEY = re.compile(r"/?[A-Za-z0-9_.-]{1,255}")
_MOST = 256


@dataclass(frozen=True)
class TensorRegion:
    """What a tensor's parameters name. `byte_size` is the tensor's."""

    name: str
    offset: int
    byte_size: int


@dataclass(frozen=True)
class _Registered:
    file: int
    key: str
    offset: int
    byte_size: int


class SharedMemory:
    """The regions that clients have registered. Thread-safe.

    They are read and written with system calls, not mapped: a client that truncates its memory
    meanwhile would end a server that has it mapped (SIGBUS).
    """

    def __init__(
        self, enabled: bool, folder: Path = _FOLDER, max_bytes: int = Limits().max_bytes
    ) -> None:
        self._enabled = enabled
        self._max_bytes = max_bytes
        self._folder = folder
        self._lock = threading.Lock()
        self._regions: dict[str, _Registered] = {}

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Make a client's memory known by a name. Raises: RequestRefused."""
        self._check_enabled()
        if not name or not _KEY.fullmatch(key) or key.strip("/") in (".", ".."):
            raise RequestRefused("a region needs a name, and the key that shm_open takes")
        with self._lock:
            if name in self._regions:
                raise RequestRefused("a region of that name is registered: unregister it first")
            if len(self._regions) >= _MOST:
                raise RequestRefused(f"{_MOST} regions are registered: unregister one first")
            file = _open(self._folder / key.strip("/"))
            size = os.fstat(file).st_size
            if byte_size < 1 or offset + byte_size > size:
                os.close(file)
                raise RequestRefused(f"the shared memory has {size} bytes, fewer than the region")
            self._regions[name] = _Registered(file, key, offset, byte_size)

    def unregister(self, name: str) -> None:
        """Forget a region, or all where the name is empty; an unknown one is forgotten already."""
        self._check_enabled()
        with self._lock:
            for each in [name] if name else list(self._regions):
                region = self._regions.pop(each, None)
                if region is not None:
                    os.close(region.file)

    def status(self, name: str) -> dict[str, pb.SystemSharedMemoryStatusResponse.RegionStatus]:
        """The regions, or the one of that name. Raises: NotServed."""
        self._check_enabled()
        with self._lock:
            if name and name not in self._regions:
                raise NotServed("no region of that name is registered")
            chosen = {name: self._regions[name]} if name else dict(self._regions)
        return {
            each: pb.SystemSharedMemoryStatusResponse.RegionStatus(
                name=each, key=region.key, offset=region.offset, byte_size=region.byte_size
            )
            for each, region in chosen.items()
        }

    def read(self, region: TensorRegion) -> bytes:
        """The bytes of a tensor. Raises: RequestRefused."""
        if region.byte_size > self._max_bytes:
            raise RequestRefused(f"a tensor in shared memory has more than {self._max_bytes} bytes")
        with self._lock:
            file, offset = self._place(region)
            own = os.dup(file)  # it may be unregistered meanwhile
        try:
            data = os.pread(own, region.byte_size, offset)
        finally:
            os.close(own)
        if len(data) < region.byte_size:
            raise RequestRefused("the shared memory has become smaller than its region")
        return data

    def write(self, region: TensorRegion, array: Array) -> None:
        """Put a tensor there. Raises: RequestRefused."""
        if array.nbytes > region.byte_size:
            raise RequestRefused(
                f"an output has {array.nbytes} bytes, and its region {region.byte_size}"
            )
        with self._lock:
            file, offset = self._place(region)
            if os.fstat(file).st_size < offset + array.nbytes:
                raise RequestRefused("the shared memory has become smaller than its region")
            os.pwrite(file, array.reshape(-1).data.cast("B"), offset)

    def close(self) -> None:
        """Let go of all."""
        if self._enabled:
            self.unregister("")

    def _place(self, region: TensorRegion) -> tuple[int, int]:
        self._check_enabled()
        registered = self._regions.get(region.name)
        if registered is None:
            raise RequestRefused("a tensor is in a shared-memory region that is not registered")
        if region.offset < 0 or not 0 <= region.byte_size <= registered.byte_size - region.offset:
            raise RequestRefused("a tensor reaches beyond its shared-memory region")
        return registered.file, registered.offset + region.offset

    def _check_enabled(self) -> None:
        if not self._enabled:
            raise NotOffered(
                "shared memory is not offered: the server listens on more than this machine, or "
                "runs without --shared-memory"
            )


def region_of(parameters: Mapping[str, pb.InferParameter]) -> TensorRegion | None:
    """The region that a tensor's parameters name, if any. Raises: RequestRefused."""
    if "shared_memory_region" not in parameters:
        return None
    name = parameters["shared_memory_region"].string_param
    size = parameters.get("shared_memory_byte_size")
    offset = parameters.get("shared_memory_offset")
    if size is None:
        raise RequestRefused("a tensor in shared memory needs shared_memory_byte_size")
    return TensorRegion(name, offset.int64_param if offset is not None else 0, size.int64_param)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RequestRefused(f"the shared memory cannot be opened: {error.strerror}") from None
