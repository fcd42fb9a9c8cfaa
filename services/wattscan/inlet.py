"""What hangs on the inlet and tells one figure: a power meter or a plug, whatever it speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattscan.contracts import UPDATE_PERIOD, EnergyReading, Method, PowerReading
from wattscan.settings import one_of, text
from wattscan.units import Joules, Seconds, Watts


def domain_of(settings: Mapping[str, Any]) -> str:
    """What the entry calls the figure: its `domain`, or `inlet`."""
    return text(settings, "domain", "inlet")


def counts(settings: Mapping[str, Any]) -> bool:
    """Whether the entry's `use` is a plug's counter (`energy`), not its `power`.

    Raises: WattscanError.
    """
    return one_of(settings, "use", ("power", "energy"), "power") == "energy"


@dataclass(eq=False)
class InletPower:
    """Its power. `read` gives it and, where there is one, its stamp. Raises what `read` raises."""

    name: str
    domain: str
    uncertainty_ratio: float
    read: Callable[[], tuple[Watts, float | None]]
    update_period: Seconds = UPDATE_PERIOD

    def read_power(self) -> Sequence[PowerReading]:
        """One reading. Raises: SensorFailed."""
        power, stamp = self.read()
        return [PowerReading(self.domain, "system", power, stamp)]


@dataclass(eq=False)
class InletEnergy:
    """Its own energy counter. Raises what `read` raises."""

    name: str
    domain: str
    uncertainty_ratio: float
    read: Callable[[], Joules]
    update_period: Seconds = UPDATE_PERIOD
    method: Method = "counter"

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading. Raises: SensorFailed."""
        return [EnergyReading(self.domain, "system", self.read())]
