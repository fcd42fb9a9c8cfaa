"""Gain and offset of a sensor against a better meter, from stepped loads."""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wattscan.contracts import Correction, WattscanError
from wattscan.units import Watts

LEAST_STEPS = 3
# Of the highest step: with less between the steps the gain is noise.
_LEAST_SPAN = 0.1
# Of what the meter's figures span.
_LARGEST_RESIDUAL = 0.1


@dataclass(frozen=True)
class CalibrationPoint:
    """A step: the sensor's mean power, and the meter's over the same time."""

    sensor: Watts
    meter: Watts


@dataclass(frozen=True)
class Calibration:
    """The fit. `residual` is the root mean square of what it leaves, in watts."""

    correction: Correction
    residual: Watts
    points: tuple[CalibrationPoint, ...]

    @property
    def doubtful(self) -> bool:
        """Whether a straight line hardly fits: the residual is a large part of the range."""
        meter = [point.meter for point in self.points]
        return self.residual > _LARGEST_RESIDUAL * (max(meter) - min(meter))


def fit(points: Sequence[CalibrationPoint], meter_uncertainty_ratio: float) -> Calibration:
    """meter = gain x sensor + offset, by least squares.

    The uncertainty that is left is the meter's own and the residual over the mean power, added as
    independent ones are.

    Raises:
        WattscanError: too few steps, steps that hardly differ, or a sensor that falls while the
            meter rises.
    """
    if len(points) < LEAST_STEPS:
        raise WattscanError(f"a calibration needs {LEAST_STEPS} steps, not {len(points)}")
    sensor = np.array([point.sensor for point in points])
    meter = np.array([point.meter for point in points])
    for name, values in (("sensor", sensor), ("meter", meter)):
        if np.ptp(values) < _LEAST_SPAN * np.abs(values).max():
            raise WattscanError(
                f"the {name} hardly tells the steps apart ({values.min():.3g} to "
                f"{values.max():.3g} W): use a load that takes more"
            )
    gain, offset = (float(value) for value in np.polyfit(sensor, meter, 1))
    if gain <= 0:
        raise WattscanError("the sensor falls while the meter rises: they do not see one device")
    residuals = meter - (gain * sensor + offset)
    # Two parameters are fitted.
    residual = math.sqrt(float(np.sum(residuals**2)) / (len(points) - 2))
    ratio = math.hypot(meter_uncertainty_ratio, residual / float(meter.mean()))
    return Calibration(Correction(gain, Watts(offset), ratio), Watts(residual), tuple(points))


def write(path: Path, calibration: Calibration, sensor: str, domain: str, against: str) -> None:
    """Write the TOML that a target's `calibration` names, whole or not at all.

    Raises: WattscanError.
    """
    made = calibration.correction
    steps = "".join(f"    [{p.sensor:.6g}, {p.meter:.6g}],\n" for p in calibration.points)
    text = (
        "# Made by `wattscan sensors calibrate`. Name it as `calibration` in the sensor's entry.\n"
        f"sensor = {_quoted(sensor)}\n"
        f"domain = {_quoted(domain)}\n"
        f"against = {_quoted(against)}\n"
        f"date = {datetime.datetime.now(datetime.timezone.utc).date()}\n"
        f"gain = {made.gain:.6g}\n"
        f"offset_watts = {made.offset:.6g}\n"
        f"residual_watts = {calibration.residual:.6g}\n"
        f"uncertainty_ratio = {made.uncertainty_ratio:.6g}\n"
        "# Of each step: the sensor's watts, the meter's.\n"
        f"steps = [\n{steps}]\n"
    )
    try:
        _put(Path(os.path.realpath(path)), text)
    except OSError as error:  # the disk is full, say
        raise WattscanError(f"{path} cannot be written: {error.strerror}") from None


def _put(place: Path, text: str) -> None:
    """Raises: OSError; what was there is there still."""
    if place.exists() and not place.is_file():  # a pipe
        place.write_text(text, encoding="utf-8")
        return
    part = place.with_name(f"{place.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(place)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a TOML string too
