"""The three sensors. Each has, for each GPU, the call that answered when it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from wattscan.contracts import (
    EnergyReading,
    Method,
    PowerReading,
    SensorFailed,
    TemperatureReading,
)
from wattscan.sensors.nvml.library import reason
from wattscan.units import Celsius, Seconds, joules_from_millijoules, watts_from_milliwatts

Channels: TypeAlias = Mapping[str, Callable[[], Any]]
"""GPU, such as `gpu0` -> a call."""


def _answers(nvml: ModuleType, channels: Channels) -> dict[str, Any]:
    """What the GPUs that can be read say. Raises: SensorFailed when none can."""
    values: dict[str, Any] = {}
    failure: SensorFailed | None = None
    for domain, read in channels.items():
        try:
            values[domain] = read()
        except nvml.NVMLError as error:
            failure = SensorFailed(reason(nvml, error), f"{domain}: {error}")
    if failure and not values:
        raise failure
    return values


class NvmlEnergy:
    """The energy counters of the GPUs that have one (Volta and later)."""

    name = "nvml"
    method: Method = "counter"

    def __init__(self, nvml: ModuleType, channels: Channels, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._nvml = nvml
        self._channels = channels

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            EnergyReading(domain, "board", joules_from_millijoules(millijoules))
            for domain, millijoules in _answers(self._nvml, self._channels).items()
        ]


class NvmlPower:
    """The power of the GPUs without an energy counter."""

    # 50 Hz: nothing tells what it takes between two readings.
    longest_interval = Seconds(0.02)

    def __init__(
        self, nvml: ModuleType, channels: Channels, uncertainty_ratio: float, name: str
    ) -> None:
        self.name = name
        self.uncertainty_ratio = uncertainty_ratio
        self._nvml = nvml
        self._channels = channels

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            PowerReading(domain, "board", watts_from_milliwatts(milliwatts), stamp)
            for domain, (milliwatts, stamp) in _answers(self._nvml, self._channels).items()
        ]


class NvmlTemperature:
    """The temperature of each GPU's die, and whether it is slowed."""

    name = "nvml_temperature"

    def __init__(self, nvml: ModuleType, degrees: Channels, clocks: Channels) -> None:
        self._nvml = nvml
        self._degrees = degrees
        self._clocks = clocks

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """One reading a GPU that answers. Raises: SensorFailed when none does."""
        return [
            TemperatureReading(domain, Celsius(degrees))
            for domain, degrees in _answers(self._nvml, self._degrees).items()
        ]

    def throttled(self) -> bool:
        """Whether heat or the power brake slows a GPU now. Raises: SensorFailed."""
        if not self._clocks:
            raise SensorFailed("not_supported", "the driver does not say what slows the clocks")
        slowed = (
            self._nvml.nvmlClocksEventReasonHwSlowdown
            | self._nvml.nvmlClocksEventReasonSwThermalSlowdown
            | self._nvml.nvmlClocksEventReasonHwThermalSlowdown
            | self._nvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
        )
        return any(bits & slowed for bits in _answers(self._nvml, self._clocks).values())
