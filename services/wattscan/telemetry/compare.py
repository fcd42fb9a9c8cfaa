"""What counters count over one and the same time, and which of them show one and the same counter.

On AMD's processors of several dies each die lists the socket's one counter. Two that show one keep
the difference of their counts, whatever the power; two real dies never take the same to a tenth of
a percent, so theirs drifts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median

from wattscan.contracts import EnergyReading, PowerReading
from wattscan.units import Joules, Seconds

_LEAST, _LONGEST = Seconds(0.25), Seconds(0.75)
# Between the reads of two files the counter may move on, once, and once more on a busy machine.
_UPDATES = 2
# A machine that stalls may let the time pass between two readings.
_LEAST_ROUNDS = 10


class CountComparison:
    """Rounds of counts, each of the same domains."""

    def __init__(self, update_period: Seconds) -> None:
        self._update_period = update_period
        self._rounds: list[tuple[Seconds, Mapping[str, Joules]]] = []

    def add(self, now: Seconds, readings: Sequence[EnergyReading | PowerReading]) -> None:
        """Take in what was read at `now`; begin anew where a domain comes, goes, or is reset."""
        counts = {r.domain: r.count for r in readings if isinstance(r, EnergyReading)}
        if self._rounds:
            before = self._rounds[-1][1]
            if counts.keys() != before.keys() or any(counts[d] < before[d] for d in counts):
                self._rounds.clear()
        if counts:
            self._rounds.append((now, counts))

    def clear(self) -> None:
        """Begin anew."""
        self._rounds.clear()

    @property
    def is_settled(self) -> bool:
        """Whether all are told apart, or have been compared for so long that they are one."""
        if len(self._rounds) < _LEAST_ROUNDS or self._time < _LEAST:
            return False
        return self._time >= _LONGEST or not any(
            self._are_one(*pair) for pair in combinations(self._rounds[0][1], 2)
        )

    def counted(self) -> dict[str, Joules]:
        """What each domain has counted; those that show one counter, the same to the last digit.

        Nothing until it is settled.
        """
        if not self.is_settled:
            return {}
        counted: dict[str, Joules] = {}
        for domain, last in self._rounds[-1][1].items():
            same = next((other for other in counted if self._are_one(domain, other)), None)
            counted[domain] = (
                Joules(last - self._rounds[0][1][domain]) if same is None else counted[same]
            )
        return counted

    @property
    def _time(self) -> Seconds:
        return Seconds(self._rounds[-1][0] - self._rounds[0][0])

    def _are_one(self, domain: str, other: str) -> bool:
        differences = [counts[domain] - counts[other] for _, counts in self._rounds]
        half = len(differences) // 2
        if not half or self._time <= 0:
            return False
        # Medians: a reader that is held up between two files shows a difference that is none.
        drift = abs(median(differences[half:]) - median(differences[:half]))
        first, last = self._rounds[0][1], self._rounds[-1][1]
        counted = min(last[name] - first[name] for name in (domain, other))
        return drift <= _UPDATES * counted * self._update_period / self._time
