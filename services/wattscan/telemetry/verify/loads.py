"""The loads of a verification: a GPU's by PyTorch where it is there, else all processors, or a
command of the user's."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from wattscan.contracts import Target, WattscanError
from wattscan.telemetry.loads import check_lasted, running
from wattscan.units import Seconds

STEADY = Seconds(0.02)
"""Period of a load that a source is to see as steady."""

# PyTorch's import and the first CUDA context take up to a minute on a cold disk.
_START_TIMEOUT = Seconds(120.0)
# Products of matrices on every GPU, a batch of about 2 ms at a time. Each line of its input is a
# level and a period in seconds; it ends with its input.
_TORCH = """
import os, sys, threading, time
import torch
if not torch.cuda.is_available():
    sys.exit("PyTorch sees no CUDA device")
work = []
for number in range(torch.cuda.device_count()):
    half = torch.cuda.get_device_capability(number)[0] >= 7
    kind = torch.float16 if half else torch.float32
    shape = (4096, 4096) if half else (2048, 2048)
    place = "cuda:%d" % number
    work.append([torch.rand(shape, dtype=kind, device=place) for _ in range(3)])

def products(count):
    for _ in range(count):
        for a, b, c in work:
            torch.mm(a, b, out=c)
    for number in range(len(work)):
        torch.cuda.synchronize(number)

products(3)
begin = time.monotonic()
products(10)
count = max(1, int(0.002 / ((time.monotonic() - begin) / 10)))
asked = [0.0, 0.02]

def listen():
    for line in sys.stdin:
        asked[:] = map(float, line.split())
    os._exit(0)

threading.Thread(target=listen, daemon=True).start()
print("ready", flush=True)
while True:
    level, period = asked
    into = time.monotonic() % period
    if into < level * period:
        products(count)
    else:
        time.sleep(period - into)
"""


class ControlledLoad(Protocol):
    """What takes power when it is told to."""

    name: str

    def at(self, level: float, period: Seconds, together: bool) -> AbstractContextManager[None]:
        """While inside: on for the part `level` of every period; `together`: all of it at the same
        time. Raises: WattscanError, where it has ended by itself."""
        ...


class ProcessLoad:
    """All processors, or a command: started anew for each level."""

    def __init__(self, command: str | None) -> None:
        self.name = "a command of the user's" if command else "all processors"
        self._command = command

    @contextlib.contextmanager
    def at(self, level: float, period: Seconds, together: bool) -> Iterator[None]:
        """Load all processors, or run the command, for the part `level` of every period."""
        with running(level, self._command, period, together) as load:
            yield
            check_lasted(load, level)


class TorchLoad:
    """Matrix products on every GPU, in one child process that is told its level."""

    name = "matrix products in PyTorch on every GPU, whose CUDA contexts stay open at 0 %"

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @contextlib.contextmanager
    def at(self, level: float, period: Seconds, together: bool) -> Iterator[None]:  # noqa: ARG002
        """Have all GPUs compute for the part `level` of every period."""
        self._tell(level, period)
        yield
        self._tell(0.0, STEADY)

    def _tell(self, level: float, period: Seconds) -> None:
        """Raises: WattscanError."""
        assert self._process.stdin is not None  # noqa: S101
        try:  # past the buffer: what is left in it when the process has ended cannot be closed
            os.write(self._process.stdin.fileno(), f"{level:g} {period:g}\n".encode())
        except OSError:
            code = self._process.wait()
            raise WattscanError(
                f"the load on the GPU ended by itself, with exit code {code}"
            ) from None


@contextlib.contextmanager
def make_load(target: Target, command: str | None) -> Iterator[ControlledLoad]:
    """The command's, else for a target that computes with CUDA the GPUs', else all processors'."""
    if command is not None or target.backend_settings.get("provider") not in ("cuda", "tensorrt"):
        yield ProcessLoad(command)
        return
    variables = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as NVML numbers them
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _TORCH], env=variables, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        try:
            why = _why_not(process)
            load: ControlledLoad = ProcessLoad(None) if why else TorchLoad(process)
            if why:
                load.name += f" (no load on the GPU: {why})"
            yield load
        finally:
            process.kill()


def _why_not(process: subprocess.Popen[str]) -> str:
    """Why it is not ready; empty: it is."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    output = process.stdout
    assert output is not None  # noqa: S101
    threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
    try:
        if lines.get(timeout=_START_TIMEOUT).strip() == "ready":
            return ""
    except queue.Empty:
        return f"PyTorch takes more than {_START_TIMEOUT:g} s to start"
    process.kill()
    assert process.stderr is not None  # noqa: S101
    told = process.stderr.read().strip().splitlines()
    return told[-1] if told else "PyTorch ended without a word"
