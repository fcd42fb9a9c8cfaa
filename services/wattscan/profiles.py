"""What a run is made of: phases, profiles and scenarios."""

from __future__ import annotations

from dataclasses import dataclass

IDLE, WARM_UP, LOAD, COOLDOWN = "idle", "warmup", "load", "cooldown"
PHASE_TITLES = {IDLE: "idle baseline", WARM_UP: "warm-up", LOAD: "load", COOLDOWN: "cooldown"}
"""What a reader is shown for each phase."""
PHASES = tuple(PHASE_TITLES)
"""The phases of a window, in order: the values of the `phase` label."""


@dataclass(frozen=True)
class Profile:
    """What a `profile` label promises: the seconds of each phase, and the repeats of a variant.

    `cooldown` is an upper limit. `most_bound` is the largest error bound of a window that `valid`
    allows, over its energy.
    """

    idle: float
    warmup: float
    load: float
    cooldown: float
    repeats: int
    most_bound: float = 0.02

    @property
    def window_seconds(self) -> float:
        """One repeat of one variant, at most."""
        return self.idle + self.warmup + self.load + self.cooldown


PROFILES = {
    "quick": Profile(idle=5, warmup=3, load=10, cooldown=5, repeats=2),
    "check": Profile(idle=5, warmup=5, load=15, cooldown=5, repeats=6),
    "standard": Profile(idle=30, warmup=10, load=60, cooldown=120, repeats=6),
    "formal": Profile(idle=60, warmup=30, load=600, cooldown=600, repeats=6, most_bound=0.01),
}

LEAST_COVERAGE = 0.98
"""The part of a phase that a sensor must account for to be `valid`."""

DEFAULT_REFERENCE = "fp32"
"""The variant that the others are compared with, unless the run names another one."""

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
"""MLPerf Inference's scenarios, the values of the `scenario` label."""
