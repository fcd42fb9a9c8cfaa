"""Decoding in a child process, for a library that can end the process that it works in.

GDCM answers some corrupt frames with a C++ exception that nobody catches, or reads where it must
not. Here that ends the child; the frame is refused, and the next one gets a new child.

On the pipes, each way: one line of JSON, then as many bytes as it says.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import math
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
from typing import Any, BinaryIO

import numpy as np

from wattscan.contracts import Limits
from wattscan.imaging.coded_pixels import decoded

_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_DUMPABLE = 4
# Signals to the parent's group are the parent's to act on: it drains, and its child with it.
_CODE = (
    "import signal; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)]; "
    "from wattscan.imaging import isolated; isolated.serve()"
)
# The interpreter and its libraries; then the file and the frame, each with its copies.
_ROOM, _ROOM_PER_BYTE, _ROOM_PER_PIXEL = 2 << 30, 8, 64


class DecoderEnded(Exception):
    """The child gave no pixels: it ended, was ended for its time, or could not decode the frame."""


class Decoder:
    """Decodes DICOM frames in a child process, one at a time; started at first use. Thread-safe."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's, None before the first use and after its end was seen."""
        process = self._process
        return process.pid if process else None

    def decode(self, data: bytes, frame: int, limits: Limits) -> np.ndarray[Any, Any]:
        """One frame of a DICOM file, as pydicom's `pixel_array` returns it.

        Args:
            data: the file, whose sizes have been checked.
            frame: from 0.
            limits: what bounds the child's memory.

        Returns:
            (rows, columns) or (rows, columns, samples), writable; of the file's data type.

        Raises:
            DecoderEnded: the frame is corrupt, or takes longer than the time limit.
        """
        ask = {"bytes": len(data), "frame": frame, "memory": _memory(limits)}
        with self._turn:
            process = self._ready()
            late = threading.Event()
            timer = threading.Timer(self._seconds, _end_late, (process, late))
            timer.start()
            kept = False
            try:
                pixels = _exchange(process, ask, data)
                kept = True
            except (OSError, ValueError, KeyError, TypeError):
                raise DecoderEnded from None  # a broken pipe, or half a reply
            finally:
                timer.cancel()
                timer.join()
                if not kept or late.is_set():
                    self._drop(process)
        if pixels is None:
            raise DecoderEnded
        return pixels

    def close(self) -> None:
        """End the child at once; a frame under way is refused. A later `decode` starts another."""
        process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            if self._process is not None:
                self._drop(self._process)
        atexit.unregister(self.close)

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and _silent(self._process):
            return self._process
        if self._process is not None:
            self._drop(self._process)
        started: queue.Queue[subprocess.Popen[bytes] | OSError] = queue.Queue()
        threading.Thread(target=_keep, args=(started,), name="decoder", daemon=True).start()
        process = started.get()
        if isinstance(process, OSError):
            raise DecoderEnded from process
        self._process = process
        atexit.unregister(self.close)
        atexit.register(self.close)
        return process

    def _drop(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not yet written to it
                pass


def _memory(limits: Limits) -> int:
    return _ROOM + _ROOM_PER_BYTE * limits.max_bytes + _ROOM_PER_PIXEL * limits.max_pixels


def _keep(started: queue.Queue[subprocess.Popen[bytes] | OSError]) -> None:
    """Start a child and outlive it: Linux ends it with the thread that started it."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    env = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "ignore", "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        started.put(error)
        return
    started.put(process)
    process.wait()


def _end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _silent(process: subprocess.Popen[bytes]) -> bool:
    """Whether an idle child lives: it says nothing, where an ended one's pipe is at its end."""
    assert process.stdout is not None  # noqa: S101
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    return not poller.poll(0)


def _exchange(
    process: subprocess.Popen[bytes], ask: dict[str, int], data: bytes
) -> np.ndarray[Any, Any] | None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101
    process.stdin.write(json.dumps(ask).encode() + b"\n")
    process.stdin.write(data)
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    if not reply:
        return None
    dtype, shape = np.dtype(reply["dtype"]), tuple(reply["shape"])
    buffer = bytearray(dtype.itemsize * math.prod(shape))
    if process.stdout.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
        raise OSError
    return np.frombuffer(buffer, dtype).reshape(shape)


DECODER = Decoder()
"""The one that this process uses; its child starts with the first frame."""


def serve() -> None:
    """The child's part: answer requests until the parent closes the pipe."""
    replies = _confine()
    while line := sys.stdin.buffer.readline():
        ask = json.loads(line)
        data = sys.stdin.buffer.read(ask["bytes"])
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        room = ask["memory"] if most == resource.RLIM_INFINITY else min(ask["memory"], most)
        resource.setrlimit(resource.RLIMIT_AS, (room, most))
        try:
            pixels = decoded(data, ask["frame"])
        except Exception:
            replies.write(b"{}\n")
        else:
            head = {"dtype": pixels.dtype.str, "shape": pixels.shape}
            replies.write(json.dumps(head).encode() + b"\n")
            replies.write(pixels.tobytes())
        replies.flush()


def _confine() -> BinaryIO:
    """End with the parent, leave no core dump with a patient in it, and print nothing."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        library.prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return replies
