"""The load generator: nghttp2's h2load, one process with a connection for each client.

It parses no answer and no gRPC status. What it received is counted instead: an error has no body.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loadtest.serving.connection import TIMEOUT
from loadtest.serving.networks import BenchmarkError

# Ends its command when the process that started it ends.
_LEASH = ("setpriv", "--pdeathsig", "KILL")
# gRPC's before each message: whether it is compressed, and its length.
_FRAMING = 5
_DATA = re.compile(r"^traffic: .* \((\d+)\) data$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """What each client sends again and again."""

    url: str
    body: Path
    log: Path
    answer: float
    """Bytes of an answer, its framing included."""


@dataclass(frozen=True)
class ClientTotals:
    """What all clients saw, and what they cost. Seconds; bytes."""

    wall: float
    """From the first request's start to the last one's end."""
    latencies: list[float]
    cpu: float
    """Of the process, its start included."""
    answer: float
    """The mean size of the answers."""


def version() -> str:
    """As it names itself. Raises: BenchmarkError, if it is not installed."""
    for program, package in (("h2load", "nghttp2-client"), ("setpriv", "util-linux")):
        if shutil.which(program) is None:
            raise BenchmarkError(f"{program} is not installed: apt-get install {package}")
    found = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
    return found.stdout.strip()


def request(folder: Path, url: str, message: bytes, answer: int) -> Request:
    """Write the request's body; `answer` is the length of the message that it gets."""
    body = folder / "request"
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return Request(url, body, body.with_suffix(".log"), answer + _FRAMING)


def run(what: Request, clients: int, count: int, limit: float) -> ClientTotals:
    """So many clients at once, each in a closed loop of `count` requests.

    Raises:
        BenchmarkError: a request failed, answers are missing, or `limit` seconds were over.
    """
    total = clients * count
    before = _cpu()
    with _start(what, clients, total) as process:
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"requests hang: not done within {limit:.0f} s") from None
        finally:
            process.kill()
    cpu = _cpu() - before
    received = body_bytes(said, total)
    check(received, total, what.answer)
    spans = logged(what.log.read_text("utf-8"), total)
    return ClientTotals(
        wall=(max(end for _, end in spans) - min(start for start, _ in spans)) / 1e6,
        latencies=[(end - start) / 1e6 for start, end in spans],
        cpu=cpu,
        answer=received / total,
    )


def body_bytes(said: str, count: int) -> int:
    """What came as answers, by h2load's summary.

    Raises: BenchmarkError, unless each of `count` requests succeeded.
    """
    good = f"{count} total, {count} started, {count} done, {count} succeeded"
    lines = said.splitlines()
    data = _DATA.search(said)
    if data is None or f"requests: {good}, 0 failed, 0 errored, 0 timeout" not in lines:
        told = [line for line in lines if line.startswith("requests: ")] or lines[-1:]
        raise BenchmarkError(
            f"requests failed under load: {' '.join(told) or 'h2load said nothing'}"
        )
    return int(data[1])


def check(size: int, count: int, answer: float) -> None:
    """Raises: BenchmarkError, if `size` is not that of `count` answers, to half an answer."""
    if abs(size - count * answer) >= answer / 2:
        raise BenchmarkError(
            f"requests failed under load: {count} answers have {size} bytes, not "
            f"{count * answer:.0f} (h2load does not tell the status)"
        )


def logged(log: str, count: int) -> list[tuple[int, int]]:
    """When each request began and ended, in microseconds since the epoch.

    Raises: BenchmarkError, if they are not `count`.
    """
    rows = [[int(field) for field in line.split("\t")[:3]] for line in log.splitlines()]
    if len(rows) != count:
        raise BenchmarkError(f"h2load logged {len(rows)} requests of {count}")
    return [(start, start + took) for start, _status, took in rows]


def _start(what: Request, clients: int, total: int) -> subprocess.Popen[str]:
    what.log.unlink(missing_ok=True)
    return subprocess.Popen(  # noqa: S603
        [
            # The kernel ends it with this process; grpcio's threads rule a `preexec_fn` out.
            *_LEASH,
            *("h2load", "-n", str(total), "-c", str(clients), "-t", "1", "-m", "1"),
            *("-N", f"{TIMEOUT:.0f}", "-d", str(what.body), "--log-file", str(what.log)),
            *("-H", "content-type: application/grpc", "-H", "te: trailers", what.url),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _cpu() -> float:
    """Processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
