"""What devices answer: numbers and JSON, over HTTP on the local network.

Any of it can be missing, late, cut short or garbage at any time.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import re
import socket
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

from wattscan.contracts import SensorFailed, WattscanError
from wattscan.settings import MOST, text

# A reader gives a sensor one second; connecting and reading share it.
_TIMEOUT_SECONDS = 0.8
_LARGEST_ANSWER = 64 * 1024
_NO_HOST = re.compile(r"[\s/?#@]")


def host_of(settings: Mapping[str, Any], key: str = "host") -> str:
    """The entry's `host`, which may carry a port; empty where none is set.

    Raises: WattscanError: it is a URL, say.
    """
    host = text(settings, key)
    if _NO_HOST.search(host):
        raise WattscanError(
            f"{key} must be a name or an address alone, such as 192.0.2.7, not {host!r:.60}"
        )
    return host


def get_json(host: str, path: str, query: Mapping[str, str]) -> Any:
    """The JSON that `http://host/path?query` answers. `host` may carry a port.

    No proxy of the environment is asked, and no redirection followed: a plug that sends its reader
    elsewhere is not the plug that was set.

    Raises: SensorFailed: `unreachable`, `timeout`, `permission`, `http_error`, `too_large` or
        `garbage`. Its text names no address.
    """
    question = f"{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"
    try:
        status, body = _exchange(host, question)
    except TimeoutError:
        raise SensorFailed("timeout", f"no answer within {_TIMEOUT_SECONDS:g} s") from None
    except (http.client.HTTPException, ValueError) as error:
        raise SensorFailed("garbage", f"no HTTP answer: {type(error).__name__}") from None
    except OSError as error:
        raise SensorFailed("unreachable", f"it cannot be reached: {error.strerror}") from None
    if status != http.client.OK:
        raise _refused(status)
    if len(body) > _LARGEST_ANSWER:
        raise SensorFailed("too_large", f"its answer is over {_LARGEST_ANSWER} bytes")
    return parse_json(body)


def _exchange(host: str, question: str) -> tuple[int, bytes]:
    """Status and body. Raises: OSError, HTTPException, ValueError."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", question, headers={"Connection": "close"})
        hurried: Any = _Hurried(connection.sock, deadline)
        answer = http.client.HTTPResponse(hurried, method="GET")
        with answer:
            answer.begin()
            return answer.status, answer.read(_LARGEST_ANSWER + 1)
    finally:
        connection.close()


class _Hurried(io.RawIOBase):
    """What comes over a connection until a moment of the monotonic clock, as one file.

    A connection's own timeout is of each wait alone: a plug that drips its answer never exceeds it.
    """

    def __init__(self, line: socket.socket, deadline: float) -> None:
        self._line = line
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As a socket's."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises: TimeoutError, OSError."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(left)
        return self._line.recv_into(buffer)


def _refused(status: int) -> SensorFailed:
    if status in {401, 403}:
        return SensorFailed("permission", "it asks for a password: switch that off in the device")
    return SensorFailed("http_error", f"it answers HTTP {status}")


def parse_json(text: bytes) -> Any:
    """The document. Raises: SensorFailed `garbage`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SensorFailed("garbage", "its answer is not JSON") from None


def number_at(document: Any, path: str) -> float:
    """The finite number at a dotted path, `a.b.c`; the document itself where the path is empty.

    Raises: SensorFailed `garbage`.
    """
    value = document
    for key in path.split(".") if path else ():
        if not isinstance(value, dict) or key not in value:
            raise SensorFailed("garbage", f"its answer has no {path}")
        value = value[key]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SensorFailed("garbage", f"{path or 'its answer'} is not a number")
    return finite(value, path or "its answer")


def finite(value: str | float, what: str) -> float:
    """The number that a text says.

    Raises: SensorFailed `garbage`: none, not a finite one, or one that no device can mean.
    """
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SensorFailed("garbage", f"{what} is not a number")
    if abs(number) > MOST:
        raise SensorFailed("garbage", f"{what} is beyond {MOST:g}")
    return number
