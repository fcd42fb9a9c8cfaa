"""What devices answer: numbers and JSON, over HTTP on the local network.

Any of it can be missing, late, cut short or garbage at any time.
"""

from __future__ import annotations

import http.client
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from wattscan.contracts import SensorFailed

# A reader gives a sensor one second; connecting and reading share it.
_TIMEOUT_SECONDS = 0.8
_LARGEST_ANSWER = 64 * 1024


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A plug that sends its reader elsewhere is not the plug that was set."""

    def redirect_request(self, *_: Any) -> None:
        return None


# The empty table: a proxy from the environment knows no device of this network.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def get_json(host: str, path: str, query: Mapping[str, str]) -> Any:
    """The JSON that `http://host/path?query` answers. `host` may carry a port.

    Raises: SensorFailed: `unreachable`, `timeout`, `permission`, `http_error`, `too_large` or
        `garbage`. Its text names no address.
    """
    url = f"http://{host}{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read(_LARGEST_ANSWER + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error.code) from None
    except TimeoutError:
        raise SensorFailed("timeout", f"no answer within {_TIMEOUT_SECONDS:g} s") from None
    except (http.client.HTTPException, ValueError) as error:
        raise SensorFailed("garbage", f"no HTTP answer: {type(error).__name__}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise SensorFailed("timeout", f"no answer within {_TIMEOUT_SECONDS:g} s") from None
        raise SensorFailed("unreachable", f"it cannot be reached: {reason}") from None
    if len(body) > _LARGEST_ANSWER:
        raise SensorFailed("too_large", f"its answer is over {_LARGEST_ANSWER} bytes")
    return parse_json(body)


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
    """The number that a text says. Raises: SensorFailed `garbage`: none, or not a finite one."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SensorFailed("garbage", f"{what} is not a number")
    return number
