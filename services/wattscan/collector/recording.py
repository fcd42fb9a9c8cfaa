"""A recording: OpenMetrics text with timestamps, scrape after scrape, as `bench` writes it.

The parser is our own because a recording's families come interleaved, which others refuse. Each
line costs a split and a dictionary look-up; a series' labels are parsed once.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from wattscan.collector.series import LATEST, Labels, Last, Series, key, present
from wattscan.contracts import WattscanError

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_TEXT = r'"((?:[^"\\\n]|\\.)*)"'
# OpenMetrics 1.1, as Prometheus 3 writes it: a name of any characters stands in quotation marks, a
# metric's as the first of the labels.
_LABEL = rf"(?:([a-zA-Z_][a-zA-Z0-9_]*)|{_TEXT})={_TEXT}"
_SERIES = re.compile(rf"({_NAME})(?:\{{((?:{_LABEL},?)*)\}})?")
_QUOTED_SERIES = re.compile(rf"\{{{_TEXT}(?:,((?:{_LABEL},?)*))?\}}")
_EXEMPLAR = re.compile(rb"([^{ ]*(?:\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\})? \S+ \S+) # .*")
_LABELS = re.compile(_LABEL)
_ESCAPE = re.compile(r"\\(.)")
_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 1 << 20
"""Bytes. A line of ours has a few hundred."""
_COMMENT = (b"# TYPE ", b"# HELP ", b"# UNIT ")


@dataclass
class _Column:
    name: str
    labels: Labels
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def series(self) -> Series:
        times = np.frombuffer(self.times, np.float64)
        values = np.frombuffer(self.values, np.float64)
        # A scrape at a phase's edge may fall on the millisecond of a regular one.
        return present(self.labels, times, values)


class Recording:
    """A recording, read whole."""

    def __init__(self, name: str, columns: Iterable[_Column], complete: bool) -> None:
        self.name = name
        self.cut_short = not complete
        self._families: dict[str, list[Series]] = {}
        for column in columns:
            self._families.setdefault(column.name, []).append(column.series())
        for family in self._families.values():
            family.sort(key=lambda series: key(series.labels))

    def select(
        self, metric: str, matchers: Mapping[str, str], start: float, end: float
    ) -> list[Series]:
        """The samples of every series of that name and labels, from `start` to `end` (Unix s)."""
        found = []
        for series in self._families.get(metric, ()):
            first = int(series.times.searchsorted(start, "left"))
            past = int(series.times.searchsorted(end, "right"))
            if first < past and _matches(series.labels, matchers):
                times, values = series.times[first:past], series.values[first:past]
                found.append(Series(series.labels, times, values))
        return found

    def last(
        self, metric: str, matchers: Mapping[str, str], start: float | None, end: float | None
    ) -> list[Last]:
        """The last value of every series of that name and labels, from `start` to `end`."""
        low, high = (-np.inf if start is None else start), (np.inf if end is None else end)
        chosen = self.select(metric, matchers, low, high)
        return [Last(series.labels, float(series.values[-1])) for series in chosen]


def read_recording(path: Path) -> Recording:
    """The recording in a file, plain or gzipped, whatever its name. A missing `# EOF` is noted, a
    last line cut short is left out.

    Raises:
        WattscanError: the file cannot be read, or a line of it (its number is named) is not
            OpenMetrics text with a timestamp in seconds.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if packed:
                with gzip.open(file) as unpacked:
                    return _parsed(unpacked, str(path))
            return _parsed(file, str(path))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise WattscanError(
            f"{path} is a gzip file that is cut short or damaged: copy it again, or give the "
            "recording before it was packed"
        ) from None
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None


def parse_recording(content: bytes, name: str) -> Recording:
    """As `read_recording`, from the file's bytes; `name` is used in messages."""
    return _parsed(io.BytesIO(content), name)


def _parsed(content: BinaryIO | gzip.GzipFile, name: str) -> Recording:
    columns: dict[tuple[str, Hashable], _Column] = {}
    appends: dict[bytes, tuple[Callable[[float], None], Callable[[float], None]]] = {}
    complete = False
    stamp, seconds = b"", 0.0
    # Not by iteration: a file of one line would be read whole before anything is known of it.
    for number, line in enumerate(iter(partial(content.readline, _LONGEST_LINE), b""), 1):
        if len(line) == _LONGEST_LINE and line[-1:] != b"\n":
            raise WattscanError(
                f"line {number} of {name} is longer than {_LONGEST_LINE >> 20} MiB: "
                "this is not a recording"
            )
        if line[:1] == b"#":
            complete = _is_end(line, number, name) or complete
            continue
        if line[-1:] != b"\n":
            break  # cut short: even its last number may be
        try:
            series, value, at = line.rsplit(b" ", 2)
            if b" # " in line:
                series, value, at = _without_exemplar(line).rsplit(b" ", 2)
            if at != stamp:
                stamp, seconds = at, _seconds(at)
                if seconds > LATEST:
                    raise _not_seconds(name, number, at)
            if series not in appends:
                made = _column(series)
                # The same labels in another order are the same series.
                column = columns.setdefault((made.name, key(made.labels)), made)
                appends[series] = (column.values.append, column.times.append)
            add_value, add_time = appends[series]
            add_value(float(value))
            add_time(seconds)
        except (ValueError, OverflowError):
            raise _not_openmetrics(name, number, line) from None
        if complete:
            raise WattscanError(f"line {number} of {name} comes after its # EOF")
    if not columns:
        raise WattscanError(f"{name} is not a recording: there is no sample in it")
    return Recording(name, columns.values(), complete)


def _seconds(stamp: bytes) -> float:
    # Prometheus cuts to whole milliseconds in this very way, and both must give the same tables.
    return int(float(stamp) * 1000) / 1000


def _not_seconds(name: str, number: int, stamp: bytes) -> WattscanError:
    return WattscanError(
        f"line {number} of {name} has its time, {stamp.strip().decode()}, in milliseconds or "
        "smaller units: OpenMetrics has seconds; divide the times by 1000"
    )


def _is_end(line: bytes, number: int, name: str) -> bool:
    if line.rstrip() == b"# EOF":
        return True
    if line.startswith(_COMMENT) or not line.endswith(b"\n"):
        return False
    raise _not_openmetrics(name, number, line)


def _not_openmetrics(name: str, number: int, line: bytes) -> WattscanError:
    start = line.rstrip()[:60].decode("utf-8", "replace")
    return WattscanError(
        f"line {number} of {name} is not OpenMetrics text with a timestamp: {start!r}"
    )


def _without_exemplar(line: bytes) -> bytes:
    found = _EXEMPLAR.fullmatch(line.rstrip())
    return found[1] if found else line


def _column(series: bytes) -> _Column:
    text = series.decode("utf-8")
    if found := _SERIES.fullmatch(text):
        metric, inner = found[1], found[2]
    elif quoted := _QUOTED_SERIES.fullmatch(text):
        metric, inner = _unescaped(quoted[1]), quoted[2]
    else:
        raise ValueError(series)
    found_labels = _LABELS.findall(inner or "")
    labels = {
        name or _unescaped(quoted_name): _unescaped(value)
        for name, quoted_name, value in found_labels
    }
    if len(labels) < len(found_labels):
        raise ValueError(f"a label stands twice in {text}")
    # An empty label is no label.
    return _Column(metric, {name: value for name, value in labels.items() if value})


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else str(m[1]), value)


def _matches(labels: Labels, matchers: Mapping[str, str]) -> bool:
    return all(labels.get(name, "") == value for name, value in matchers.items())
