"""When queries are due in the scenario Server."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from wattscan.contracts import WattscanError
from wattscan.workloads import Workload


def arrivals(workload: Workload, rate: float, seconds: float, seed: str) -> Iterator[float]:
    """Seconds from the load's begin at which queries are due, the same for the same seed.

    Without a schedule they are a Poisson process, of a rate that changes where the workload has a
    shape: gaps of a process of rate 1 are stretched by the rate that they fall into.

    Raises: WattscanError: the schedule cannot be read.
    """
    if workload.schedule:
        return iter(read_schedule(Path(workload.schedule)))
    draw = random.Random(seed)  # noqa: S311
    gaps = (draw.expovariate(1.0) for _ in itertools.count())
    shape = workload.shape or (1.0,)
    mean = sum(shape) / len(shape)
    return _stretched(gaps, [rate * each / mean for each in shape], seconds / len(shape))


def share_of(due: Iterator[float], number: int, of: int) -> Iterator[float]:
    """Every `of`-th one: what one of several generators sends, so that together they send all."""
    return itertools.islice(due, number, None, of)


def read_schedule(path: Path) -> list[float]:
    """A file of seconds, one a line, in order. Raises: WattscanError."""
    try:
        due = [
            float(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise WattscanError(f"the schedule {path} cannot be read: {why}") from None
    if not due or not all(a <= b < math.inf for a, b in itertools.pairwise([0.0, *due])):
        raise WattscanError(
            f"the schedule {path} must have seconds from 0 on, one a line, in order"
        )
    return due


def last_due(workload: Workload) -> float:
    """When the last query of its schedule is due, s; 0 without one. Raises: WattscanError."""
    return read_schedule(Path(workload.schedule))[-1] if workload.schedule else 0.0


def _stretched(gaps: Iterator[float], rates: Sequence[float], length: float) -> Iterator[float]:
    """By the rates of parts of that length, which come again and again."""
    now, part = 0.0, 0
    for gap in gaps:
        left = gap
        while True:
            rate, end = rates[part % len(rates)], (part + 1) * length
            if rate > 0 and now + left / rate <= end:
                now += left / rate
                break
            left -= rate * (end - now)
            now, part = end, part + 1
        yield now
