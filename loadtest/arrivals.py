"""When queries are due in the scenario Server."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from wattscan.workload_files import read_schedule
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
