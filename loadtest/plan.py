"""What a run does, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wattscan.metrics import PROFILES, Profile

PHASES = ("idle", "warmup", "load", "cooldown")
PRECISIONS = ("fp32", "int8")


@dataclass(frozen=True)
class Window:
    """One repeat of one variant: idle, warm-up, load, cooldown."""

    task: str
    precision: str
    repeat: int


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    run: str
    target: str
    target_instance: str
    profile_name: str
    scenario: str
    seed: int
    tasks: tuple[str, ...]
    parts: int = 1
    """In how many parts the run is made, this one included."""
    done: frozenset[Window] = frozenset()
    """The windows that earlier parts have measured."""

    @property
    def profile(self) -> Profile:
        """The phases' durations."""
        return PROFILES[self.profile_name]

    @property
    def windows(self) -> list[Window]:
        """All windows, in order: task by task, the variants balanced over time."""
        return [w for task in self.tasks for w in _alternate(task, self.profile.repeats)]

    @property
    def left(self) -> list[Window]:
        """Those that are still to be measured, in order."""
        return [window for window in self.windows if window not in self.done]

    @property
    def longest(self) -> float:
        """Seconds that the run takes when every cooldown lasts as long as it may."""
        p = self.profile
        return len(self.left) * (p.idle + p.warmup + p.load + p.cooldown)


def _alternate(task: str, repeats: int) -> Iterator[Window]:
    seen: Counter[str] = Counter()
    for position in range(2 * repeats):
        precision = variant(position, PRECISIONS)
        seen[precision] += 1
        yield Window(task, precision, seen[precision])


def variant(position: int, variants: Sequence[str]) -> str:
    """Which of two variants has the window at that position: A B B A B A A B ...

    The Thue-Morse sequence: a drift that is linear, or nearly so, weighs on both alike.
    """
    return variants[position.bit_count() % 2]
