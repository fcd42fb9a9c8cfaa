"""`wattscan.measure`: the energy of any piece of code, by the same sensors as the service's.

The sensors of a target are found and read at its interval from the first measurement on until the
process ends, on threads of their own, once for all measurements of the process. A measurement reads
them once more at its beginning, at each mark and at its end.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from wattscan.contracts import Method, Scope
from wattscan.measuring.figures import Energy, Moment, Verdict, added, between
from wattscan.measuring.watch import Watch, watch

__all__ = ["Energy", "Measurement", "measure"]


class Measurement:
    """A piece of code that is being measured, or has been: see `measure`.

    Several may be open at a time, nested or on several threads: each has the whole energy of the
    device while it was open, so the figures of those that overlap are not to be added. Until it is
    closed it has marks alone.
    """

    def __init__(self, target: str, sysfs: Path) -> None:
        self._target = target
        self._sysfs = sysfs
        self._lock = threading.Lock()
        self._pid = 0
        self._watch: Watch | None = None
        self._begin: Moment | None = None
        self._last: Moment | None = None
        self._parts: dict[str, Energy] = {}
        self._total: Energy | None = None

    def __repr__(self) -> str:
        return f"<Measurement {'open' if self._total is None else self._total}>"

    def __enter__(self) -> Measurement:
        if self._watch is not None:
            raise RuntimeError("a measurement is of one piece of code: call measure() again")
        self._watch, self._pid = watch(self._target, self._sysfs), os.getpid()
        self._begin = self._last = self._watch.moment(after=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch is not None and self._begin is not None:
            self._total = between(self._begin, self._moment(self._watch))

    def mark(self, name: str) -> Energy:
        """Call what has run since the last mark, or since the beginning, by a name.

        Pieces of one name are added, and so are their bounds. Returns this one.

        Raises: RuntimeError: it is not open. ValueError: no name.
        """
        if not name:
            raise ValueError("a mark has a name")
        if self._watch is None or self._last is None or self._total is not None:
            raise RuntimeError("a mark is set inside of `with wattscan.measure()`")
        with self._lock:
            now = self._moment(self._watch)
            piece, self._last = between(self._last, now), now
            before = self._parts.get(name)
            self._parts[name] = piece if before is None else added(before, piece)
        return piece

    def _moment(self, watch: Watch) -> Moment:
        # A fork inside of the block has none of the threads that read.
        return watch.moment(after=False) if os.getpid() == self._pid else Moment(time.monotonic())

    @property
    def parts(self) -> Mapping[str, Energy]:
        """The pieces that were marked, by name."""
        return dict(self._parts)

    @property
    def total(self) -> Energy:
        """The whole. Raises: RuntimeError: it is still open."""
        if self._total is None:
            raise RuntimeError("the figures are there when the `with` block has ended")
        return self._total

    @property
    def joules(self) -> float | None:
        """Energy, J."""
        return self.total.joules

    @property
    def seconds(self) -> float:
        """How long it took, s."""
        return self.total.seconds

    @property
    def mean_watts(self) -> float | None:
        """Mean power, W."""
        return self.total.mean_watts

    @property
    def coverage_ratio(self) -> float | None:
        """The part of the time that the sensor accounts for."""
        return self.total.coverage_ratio

    @property
    def bound_joules(self) -> float | None:
        """How far `joules` may be off by what the readings do not resolve, J."""
        return self.total.bound_joules

    @property
    def uncertainty_ratio(self) -> float | None:
        """The sensor's standard uncertainty (1 sigma), over its reading."""
        return self.total.uncertainty_ratio

    @property
    def method(self) -> Method | None:
        """`counter`, `integrated` or `modelled`."""
        return self.total.method

    @property
    def scope(self) -> Scope | None:
        """How much of the machine the sensor covers."""
        return self.total.scope

    @property
    def sensor(self) -> str | None:
        """The sensor that it was read from."""
        return self.total.sensor

    @property
    def domain(self) -> str | None:
        """What the sensor covers, as it calls it."""
        return self.total.domain

    @property
    def verdict(self) -> Verdict:
        """`valid`, `indicative` or `invalid`."""
        return self.total.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not `valid`."""
        return self.total.reasons


def measure(target: str = "cpu", *, sysfs: str | Path = "/sys") -> Measurement:
    """Measure what runs in a `with` block.

        with wattscan.measure() as m:
            train_step()
            m.mark("train")
            evaluate()
            m.mark("evaluate")
        print(m.joules, m.bound_joules, m.verdict, m.parts["train"].joules)

    The first use in a process looks for the sensors, which takes up to some seconds.

    Args:
        target: the name of a hardware target (`wattscan sensors --help` lists them), or the path of
            its TOML file: which sensors are read, and how often.
        sysfs: where sysfs is mounted.

    Raises:
        WattscanError: no such target, or a sensor's settings are wrong; when the block is entered.
    """
    return Measurement(target, Path(sysfs))
