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
from concurrent.futures import Future
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
    closed it has marks alone. Its figures wait for one renewal of the sensor's figure after the
    end, where it has not come yet.
    """

    def __init__(self, target: str, sysfs: Path) -> None:
        self._target = target
        self._sysfs = sysfs
        self._lock = threading.Lock()
        self._pid = 0
        self._watch: Watch | None = None
        self._begin: Future[Moment] | None = None
        self._end: Future[Moment] | None = None
        self._last: Future[Moment] | None = None
        self._marked: list[tuple[str, Future[Moment], Future[Moment]]] = []

    def __repr__(self) -> str:
        return f"<Measurement {'open' if self._end is None else self.total}>"

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
            self._end = self._moment(self._watch)

    def mark(self, name: str) -> None:
        """Call what has run since the last mark, or since the beginning, by a name.

        Pieces of one name are added, and so are their bounds.

        Raises: RuntimeError: it is not open. ValueError: no name.
        """
        if not name:
            raise ValueError("a mark has a name")
        if self._watch is None or self._last is None or self._end is not None:
            raise RuntimeError("a mark is set inside of `with wattscan.measure()`")
        with self._lock:
            now = self._moment(self._watch)
            self._marked.append((name, self._last, now))
            self._last = now

    def _moment(self, watch: Watch) -> Future[Moment]:
        if os.getpid() == self._pid:
            return watch.moment(after=False)
        # A fork inside of the block has none of the threads that read.
        forked = Future[Moment]()
        forked.set_result(Moment(time.monotonic()))
        return forked

    def _between(self, begin: Future[Moment], end: Future[Moment]) -> Energy:
        return between(self._known(begin), self._known(end))

    def _known(self, moment: Future[Moment]) -> Moment:
        if os.getpid() != self._pid and not moment.done():
            return Moment(time.monotonic())  # nobody reads it here
        return moment.result()

    @property
    def parts(self) -> Mapping[str, Energy]:
        """The pieces that were marked, by name."""
        parts: dict[str, Energy] = {}
        for name, begin, end in self._marked.copy():
            piece = self._between(begin, end)
            parts[name] = added(parts[name], piece) if name in parts else piece
        return parts

    @property
    def total(self) -> Energy:
        """The whole. Raises: RuntimeError: it is still open."""
        if self._begin is None or self._end is None:
            raise RuntimeError("the figures are there when the `with` block has ended")
        return self._between(self._begin, self._end)

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
