"""What a run does, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wattscan.profiles import PROFILES, Profile
from wattscan.workloads import Workload


@dataclass(frozen=True)
class PlannedWindow:
    """One repeat of one variant: idle, warm-up, load, cooldown."""

    task: str
    precision: str
    repeat: int


@dataclass(frozen=True)
class Plan:
    """A whole run. `variants` are those of each task or model, the reference first."""

    run: str
    target: str
    target_instance: str
    workload: Workload
    variants: Mapping[str, tuple[str, ...]]
    parts: int = 1
    """In how many parts the run is made, this one included."""
    done: frozenset[PlannedWindow] = frozenset()
    """The windows that earlier parts have measured."""
    rates: dict[str, float] = field(default_factory=dict)
    """Of each task whose rate was looked for: what its windows are sent at."""
    schedule_seconds: float = 0.0
    """When the last query of its schedule is due."""

    @property
    def profile(self) -> Profile:
        """The phases' durations."""
        return PROFILES[self.workload.profile]

    @property
    def load_seconds(self) -> float:
        """What a load phase lasts at least."""
        return max(self.profile.load, self.workload.min_seconds, self.schedule_seconds)

    def rate(self, task: str) -> float:
        """Queries a second of its windows."""
        return self.rates.get(task, self.workload.rate)

    @property
    def windows(self) -> list[PlannedWindow]:
        """All windows, in order: task by task, the variants balanced over time."""
        return [
            PlannedWindow(task, variant, repeat)
            for task, variants in self.variants.items()
            for repeat in range(1, self.profile.repeats + 1)
            for variant in round_of(variants, repeat - 1)
        ]

    @property
    def left(self) -> list[PlannedWindow]:
        """Those that are still to be measured, in order."""
        return [window for window in self.windows if window not in self.done]

    @property
    def longest(self) -> float:
        """Seconds that the run takes when every cooldown lasts as long as it may."""
        p = self.profile
        return len(self.left) * (p.idle + p.warmup + self.load_seconds + p.cooldown)


def round_of(variants: Sequence[str], number: int) -> tuple[str, ...]:
    """The order of the variants in a round, each once: A B, B A, B A, A B; A B C, C B A, B C A ...

    Every second round is the mirror image of the one before it, so that a linear drift weighs on
    all variants alike, and each pair of rounds begins with another variant. Of two variants that is
    the Thue-Morse sequence.
    """
    count = len(variants)
    pair, mirrored = divmod(number, 2)
    shift = 0
    while pair and count > 1:  # the digit sum of the pair's number, in base `count`
        pair, digit = divmod(pair, count)
        shift += digit
    order = tuple(variants[(shift + place) % count] for place in range(count))
    return order[::-1] if mirrored else order
