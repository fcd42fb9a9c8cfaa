"""What a cell is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wattscan.collector.cells import Cell, WindowFigures
from wattscan.collector.clocks import Clocks
from wattscan.collector.device import EnergySource
from wattscan.collector.rivals import Rivals
from wattscan.collector.windows import Run
from wattscan.contracts import Agreement
from wattscan.profiles import PROFILES, Profile
from wattscan.units import Celsius, Seconds, Watts

# A timer may fire this much early, of the phase's length.
TIMER_TOLERANCE = 0.001


@dataclass(frozen=True)
class RunRecord:
    """What the record says of the whole run.

    `clocks` is None where nothing tells of them; `cooldowns_unwatched` are those that had no
    temperature to end by; `sources` are the domains that tables read in its windows, as they came;
    `covers_too_much`: the counter accounts for more than the whole time from first to last load;
    `conflicts` are the metrics that several series tell in different ways; `machines` the sets of
    facts about the machine, as they came.
    """

    clocks: Clocks | None
    cooldowns_unwatched: int
    rivals: Rivals
    sources: Sequence[str]
    covers_too_much: bool
    conflicts: Sequence[str]
    machines: Sequence[Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one cell is judged by.

    `start_difference` is that of the mean start temperatures of the task's variants;
    `quality_ratios` are variants' quality over the reference's: of this cell's variant or, where it
    is the reference, of each that is compared with it; none where a task has no pair;
    `quality_told`: the cell's own is on record; `agreements`: with the reference's outputs, of the
    variants likewise; `variants` are the cells of the task, this one too;
    `idle_powers` those of all their windows. None: not known.
    """

    cell: Cell
    run: Run
    table: EnergySource | None
    record: RunRecord
    same_host: bool
    cut_short: bool
    start_difference: Celsius | None
    quality_ratios: Mapping[str, float | None]
    quality_told: bool
    variants: Sequence[Cell]
    idle_powers: Sequence[Watts | float]
    agreements: Sequence[Agreement] = ()

    @property
    def windows(self) -> Sequence[WindowFigures]:
        """The cell's windows."""
        return self.cell.windows

    @property
    def profile(self) -> Profile | None:
        """What the profile promises; None where it is not known."""
        return PROFILES.get(self.run.profile)

    @property
    def method(self) -> str | None:
        """How the table's energy came about."""
        return self.table.method if self.table else None


def too_short(
    windows: Sequence[WindowFigures],
    what: str,
    promised: float,
    length: Callable[[WindowFigures], Seconds | None],
) -> str | None:
    """A sentence on the phases that are shorter than the profile's, None for none.

    Args:
        windows: of one cell.
        what: the phase, as a sentence begins with it.
        promised: its length by the profile, s.
        length: its length in a window.
    """
    told = [(seconds, w) for w in windows if (seconds := length(w)) is not None]
    short = [(seconds, w) for seconds, w in told if seconds < promised * (1 - TIMER_TOLERANCE)]
    if not short:
        return None
    least = min(seconds for seconds, _ in short)
    where = repeats([window for _, window in short])
    return f"{what} lasted {least:.1f} s in {where}; the profile says {promised:.0f} s."


def repeats(windows: Sequence[WindowFigures]) -> str:
    """Such as `repeats 1, 4`."""
    return f"repeat{'s' * (len(windows) > 1)} {', '.join(window.repeat for window in windows)}"
