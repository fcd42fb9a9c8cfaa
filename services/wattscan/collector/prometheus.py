"""The Prometheus HTTP API: Prometheus, VictoriaMetrics, Thanos, Mimir, whatever speaks it.

Raw samples come from instant queries with a range selector: `query_range` would repeat a vanished
sample for five minutes. https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import http.client
import json
import math
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from wattscan.addresses import http_proxy_told
from wattscan.aside import TookTooLong, aside
from wattscan.collector.http_reply import TIMEOUT_SECONDS, Reply, fetched, is_http, refusal, short
from wattscan.collector.series import EARLIEST, Last, Series, key, present
from wattscan.contracts import WattscanError
from wattscan.settings import MOST

_CHUNK_SECONDS = 3600.0
_DAY_SECONDS = 86400.0
# Where a run of unknown age is looked for: this far back, then further.
_LOOK_BACK_SECONDS = (7 * _DAY_SECONDS, 366 * _DAY_SECONDS)
_MARGIN_MILLISECONDS = 1000


class Prometheus:
    """A server that speaks the Prometheus HTTP API. Nothing is asked of it until it is read."""

    cut_short = False

    def __init__(self, address: str, token: str | None = None) -> None:
        """`address` begins with http:// or https://. Raises: WattscanError."""
        if "@" in address.partition("://")[2].partition("/")[0]:
            raise WattscanError(
                "the address holds a user or a password, which would be printed: "
                "give a token in WATTSCAN_PROMETHEUS_TOKEN instead"
            )
        if not is_http(address):
            raise WattscanError(f"{address} is not an http:// or https:// address")
        self.name = address.rstrip("/")
        self._token = token
        self._told: set[str] = set()

    def select(
        self, metric: str, matchers: Mapping[str, str], start: float, end: float
    ) -> list[Series]:
        """The samples of every series of that name and labels, from `start` to `end` (Unix s).

        Long ranges are asked for hour by hour.
        """
        samples: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        low = start
        while True:
            high = min(low + _CHUNK_SECONDS, end)
            # Releases differ on whether a range's first moment belongs to it: ask for more, cut.
            width = math.ceil((high - low) * 1000) + _MARGIN_MILLISECONDS
            asked = f"{_selector(metric, matchers)}[{width}ms]"
            for entry in self._query(asked, math.ceil(high * 1000) / 1000):
                kept = samples.setdefault(key(_labels(entry)), [])
                kept += [
                    (at, value)
                    for at, value in entry["values"]
                    if low <= at < high or at == high == end
                ]
            if high >= end:
                break
            low = high
        found = [_series(labels, pairs) for labels, pairs in sorted(samples.items()) if pairs]
        return [series for series in found if series.times.size]

    def last(
        self, metric: str, matchers: Mapping[str, str], start: float | None, end: float | None
    ) -> list[Last]:
        """The last value of every series of that name and labels, from `start` to `end` (Unix s).

        Without a start and without matchers: of the last week, else the last year, else of all
        there is.
        """
        high = time.time() + 1 if end is None else end
        asked = _selector(metric, matchers)
        # Not back to 1970: there is nothing, and VictoriaMetrics answers nothing for such a range.
        everything = high - EARLIEST
        if start is not None:
            tries: tuple[float, ...] = (high - start,)
        elif matchers:
            tries = (everything,)
        else:
            tries = (*_LOOK_BACK_SECONDS, everything)
        for seconds in tries:
            found = self._last(asked, seconds, high)
            if found:
                return sorted(found, key=lambda last: key(last.labels))
        return []

    def _last(self, selector: str, seconds: float, high: float) -> list[Last]:
        query = f"last_over_time({selector}[{math.ceil(seconds * 1000)}ms])"
        moment = math.ceil(high * 1000) / 1000
        found = []
        for entry in self._query(query, moment):
            labels, value = _labels(entry), entry["values"][0][1]
            if abs(value) <= MOST:
                found.append(Last(labels, value))
                continue
            # The last sample says that it is none: the one before it counts.
            metric = selector.partition("{")[0]
            before = self.select(metric, labels, high - min(seconds, _LOOK_BACK_SECONDS[0]), high)
            found += [Last(s.labels, float(s.values[-1])) for s in before if s.labels == labels]
        return found

    def _query(self, query: str, moment: float) -> list[dict[str, Any]]:
        arguments = urllib.parse.urlencode({"query": query, "time": f"{moment:.3f}"})
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked in __init__
            f"{self.name}/api/v1/query", data=arguments.encode(), method="POST"
        )
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        reply = self._reply(request)
        answer = reply.document()
        if reply.code != http.client.OK:
            by = http_proxy_told(self.name)
            raise WattscanError(f"{self.name} refused a query{by}: {reply.code} {refusal(reply)}")
        if isinstance(answer, dict) and answer.get("status") == "error":
            raise WattscanError(f"{self.name} refused a query: {refusal(reply)}")
        try:
            self._check_whole(answer)
            result = [_checked(entry) for entry in answer["data"]["result"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise WattscanError(
                f"{self.name} does not answer like the Prometheus HTTP API"
            ) from None
        return [entry for entry in result if entry["values"]]

    def _reply(self, request: urllib.request.Request) -> Reply:
        """The server's reply, read on a thread that may be left behind.

        A timeout of the socket is one for each piece, however small: only a thread can be given up
        while it reads headers or a body that drips.

        Raises: WattscanError: there is none.
        """
        answer: Reply | BaseException
        try:
            answer = aside("query", partial(fetched, request), TIMEOUT_SECONDS)
        except TookTooLong:
            answer = WattscanError(f"has not answered a query within {TIMEOUT_SECONDS:g} s")
        if isinstance(answer, WattscanError):
            raise WattscanError(f"{self.name} {answer}") from None
        if isinstance(answer, OSError | http.client.HTTPException):
            reason = getattr(answer, "reason", answer)
            by = http_proxy_told(self.name)
            raise WattscanError(f"{self.name} cannot be reached{by}: {short(reason)}") from None
        if isinstance(answer, ValueError | zlib.error):
            raise WattscanError(f"{self.name} does not answer like HTTP: {short(answer)}")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _check_whole(self, answer: Mapping[str, Any]) -> None:
        """Raises: WattscanError: the server says that series or samples may be missing."""
        warnings = [str(warning) for warning in answer.get("warnings") or ()]
        # Prometheus's remarks on how it computes begin so; every other warning is of a store.
        remarks = [each for each in warnings if each.startswith("PromQL ")]
        doubts = [each for each in warnings if each not in remarks]
        if answer.get("isPartial"):
            doubts = warnings or ["isPartial is true"]
        if doubts:
            raise WattscanError(
                f"{self.name} says that its answer may lack samples, and tables of it would be "
                f"wrong: {short('; '.join(doubts))}. Ask again when all of its stores answer"
            )
        for remark in remarks:
            if remark not in self._told:
                self._told.add(remark)
                print(f"{self.name} remarks: {short(remark)}", file=sys.stderr, flush=True)


def _checked(entry: Any) -> dict[str, Any]:
    """An entry of a vector or a matrix: its `metric`, and `values` as pairs of time and number.

    Raises: ValueError, KeyError, TypeError, AttributeError.
    """
    for name, value in entry["metric"].items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("a label is not text")
        if not _is_text(value):
            raise ValueError("a label holds half of a surrogate pair")
    pairs = entry["values"] if "values" in entry else [entry["value"]]
    values = [(float(at), float(value)) for at, value in pairs]
    return {"metric": entry["metric"], "values": values}


def _selector(metric: str, matchers: Mapping[str, str]) -> str:
    """Raises: WattscanError: a value is not Unicode text, so no label is that."""
    for value in matchers.values():
        if not _is_text(value):
            raise WattscanError(f"{value!r} holds what is not Unicode text: no label is that")
    # A JSON string is a PromQL string, but for surrogates: what is not ASCII stands as it is.
    inner = ",".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in sorted(matchers.items())
    )
    return f"{metric}{{{inner}}}"


def _is_text(value: str) -> bool:
    """Whether it can be written in UTF-8: half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in entry["metric"].items() if name != "__name__"}


def _series(labels: tuple[tuple[str, str], ...], pairs: list[tuple[float, float]]) -> Series:
    table = np.array(pairs, np.float64)
    return present(dict(labels), table[:, 0], table[:, 1])
