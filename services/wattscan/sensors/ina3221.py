"""Power of a Jetson's rails, from the INA3221 monitors on its module.

Interfaces: NVIDIA's older driver has industrial-I/O files (`rail_name_0`, `in_power0_input` in
milliwatts); Linux's own, the kernel's Documentation/hwmon/ina3221.rst, has `in1_label`,
`in1_input` in millivolts and `curr1_input` in milliamperes. What the carrier board draws for
itself is outside both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from wattscan.contracts import (
    PowerReading,
    Scope,
    Sensor,
    SensorAbsent,
    SensorFailed,
    WattscanError,
)
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import read_int, read_label
from wattscan.units import (
    Joules,
    Seconds,
    Watts,
    watts_from_millivolts_milliamperes,
    watts_from_milliwatts,
)

# TI's data sheet SBOS576: a gain error of 0.25 % at most in each voltage, and 80 uV of offset,
# which is 16 mA over the 5 milliohm, 1 % shunts of NVIDIA's design guide DG-09840: 2 % from 3 A on.
_UNCERTAINTY_RATIO = 0.02
# The rails that add up to the module's input. Nano, TX2, Xavier NX and Orin NX measure it as one;
# the AGX modules do not (jetson_stats' issues 51 and 344).
_BOARDS = (
    ("POM_5V_IN",),
    ("VDD_IN",),
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
)
_Power: TypeAlias = Callable[[], Watts]


@dataclass(frozen=True)
class _Domain:
    name: str
    scope: Scope
    parts: tuple[_Power, ...]

    def power(self) -> Watts:
        return Watts(sum(part() for part in self.parts))


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """The rails of all INA3221 as one sensor; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio` (0.02); `board_rails`, the labels of the rails whose sum is the
    board's power (those of the known modules).
    """
    check_keys(settings, {"uncertainty_ratio", "board_rails"})
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    chosen = _chosen(settings)
    rails = _rails(sysfs / "bus" / "i2c")
    if not rails:
        raise SensorAbsent(
            f"no INA3221 with a named rail under {sysfs}/bus/i2c: not a Jetson, its driver is not "
            "loaded, or a container without the host's /sys"
        )
    sensor = Ina3221Sensor(_domains(rails, _board(chosen, rails)), ratio)
    try:
        sensor.read_power()
    except SensorFailed as error:
        hint = "; run as root, or grant it: chmod a+r" if error.reason == "permission" else ""
        raise SensorAbsent(f"{error}{hint}") from None
    return [sensor]


def _chosen(settings: Mapping[str, Any]) -> list[str] | None:
    labels = settings.get("board_rails")
    if labels is None:
        return None
    if not isinstance(labels, list) or not labels or not all(isinstance(x, str) for x in labels):
        raise WattscanError(f"board_rails must be a list of rails' labels, not {labels!r}")
    return labels


def _board(chosen: Sequence[str] | None, rails: Mapping[str, _Power]) -> Sequence[str]:
    if chosen is None:
        return next((labels for labels in _BOARDS if rails.keys() >= set(labels)), ())
    missing = [label for label in chosen if label not in rails]
    if missing:
        raise SensorAbsent(f"no rail {', '.join(missing)} here; there is: {', '.join(rails)}")
    return chosen


def _domains(rails: Mapping[str, _Power], board: Sequence[str]) -> list[_Domain]:
    """The board first, since tables read the first domain."""
    domains = []
    if board:
        domains.append(_Domain("+".join(board), "board", tuple(rails[label] for label in board)))
    domains += [
        _Domain(label, "rail", (power,)) for label, power in rails.items() if [label] != list(board)
    ]
    return domains


def _rails(i2c: Path) -> dict[str, _Power]:
    """Label -> power. Two chips' rails of one label are kept apart by the chip's address."""
    rails: dict[str, _Power] = {}
    seen: set[str] = set()
    for folder, chip, channels in _chips(i2c):
        # The folders of drivers and of devices lead to the same chips.
        if chip in seen:
            continue
        seen.add(chip)
        for label, power in channels(folder):
            if label and label != "NC":
                rails[f"{label}-{chip}" if label in rails else label] = power
    return rails


_Channels: TypeAlias = Callable[[Path], Iterator[tuple[str, _Power]]]


def _chips(i2c: Path) -> Iterator[tuple[Path, str, _Channels]]:
    for folder in sorted(i2c.glob("drivers/ina3221*/*/hwmon/hwmon*")):
        yield folder, folder.parent.parent.name, _hwmon_channels
    for pattern in ("drivers/ina3221*/*/iio[:_]device*", "devices/*/iio[:_]device*"):
        for folder in sorted(i2c.glob(pattern)):
            yield folder, folder.parent.name, _iio_channels


def _hwmon_channels(folder: Path) -> Iterator[tuple[str, _Power]]:
    # Channels from 4 on are the shunts' voltages and their sum.
    for channel in (1, 2, 3):
        files = folder / f"in{channel}_input", folder / f"curr{channel}_input"
        yield read_label(folder / f"in{channel}_label"), partial(_hwmon_power, *files)


def _iio_channels(folder: Path) -> Iterator[tuple[str, _Power]]:
    for channel in (0, 1, 2):
        file = folder / f"in_power{channel}_input"
        yield read_label(folder / f"rail_name_{channel}"), partial(_iio_power, file)


def _hwmon_power(voltage: Path, current: Path) -> Watts:
    # Its offset, 80 uV at the shunt, makes an idle rail's current negative.
    return watts_from_millivolts_milliamperes(read_int(voltage), max(0, read_int(current)))


def _iio_power(file: Path) -> Watts:
    return watts_from_milliwatts(read_int(file))


class Ina3221Sensor:
    """The board's input first, then the rails. A rail that is off truly reads 0 W."""

    name = "ina3221"
    # TI's data sheet SBOS576: with the drivers' settings a set of conversions takes under 100 ms.
    update_period = Seconds(0.1)

    def __init__(self, domains: Sequence[_Domain], uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self._domains = domains

    def device_domains(self, _moved: Mapping[str, Joules]) -> Sequence[str]:
        """See `contracts.Covering`: the board, where the target or a label says what it is."""
        return [self._domains[0].name]

    def read_power(self) -> Sequence[PowerReading]:
        """One reading a domain that can be read. Raises: SensorFailed when none can."""
        readings: list[PowerReading] = []
        failure: SensorFailed | None = None
        for domain in self._domains:
            try:
                readings.append(PowerReading(domain.name, domain.scope, domain.power()))
            except SensorFailed as error:
                failure = error
        if failure and not readings:
            raise failure
        return readings
