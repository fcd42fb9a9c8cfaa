"""A sensor's gain and offset are found, written, read again, and applied."""

import errno
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.contracts import Correction, EnergyReading, PowerReading, WattscanError
from wattscan.targets import load_target
from wattscan.telemetry.calibration import CalibrationPoint, fit, write
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import Domain, DomainKey
from wattscan.telemetry.state import SensorState
from wattscan.units import Joules, Seconds, Watts

KEY = DomainKey("ina3221", "VDD_IN", "board", "integrated")


def points(gain, offset, sensor=(1.0, 2.0, 4.0, 8.0), noise=(0.0, 0.0, 0.0, 0.0)):
    return [
        CalibrationPoint(Watts(s), Watts(gain * s + offset + n))
        for s, n in zip(sensor, noise, strict=True)
    ]


@given(st.floats(0.5, 2.0), st.floats(-0.5, 2.0))
def test_what_was_put_in_comes_out(gain, offset):
    made = fit(points(gain, offset), 0.01)
    assert made.correction.gain == pytest.approx(gain)
    assert made.correction.offset == pytest.approx(offset, abs=1e-9)
    assert made.residual == pytest.approx(0.0, abs=1e-9)
    assert made.correction.uncertainty_ratio == pytest.approx(0.01)


def test_what_the_fit_leaves_is_part_of_the_uncertainty():
    made = fit(points(1.0, 0.0, noise=(0.1, -0.1, -0.1, 0.1)), 0.03)
    assert made.residual > 0.05
    mean = sum(point.meter for point in made.points) / 4
    expected = math.hypot(0.03, made.residual / mean)
    assert made.correction.uncertainty_ratio == pytest.approx(expected)


@pytest.mark.parametrize(
    "noise, doubtful", [((0.01, -0.01, -0.01, 0.01), False), ((2.0, -2.0, -2.0, 2.0), True)]
)
def test_a_line_that_hardly_fits_is_doubtful(noise, doubtful):
    assert fit(points(1.0, 0.0, noise=noise), 0.01).doubtful == doubtful


@pytest.mark.parametrize(
    "given_points, told",
    [
        (points(1.0, 0.0)[:2], "needs 3 steps"),
        (points(1.0, 0.0, sensor=(5.0, 5.01, 5.0, 5.02)), "hardly tells the steps apart"),
        (points(0.0, 5.0), "the meter hardly tells"),
        (points(-0.5, 9.0), "do not see one device"),
    ],
)
def test_steps_that_tell_nothing_are_refused(given_points, told):
    with pytest.raises(WattscanError, match=told):
        fit(given_points, 0.01)


def domain(correction):
    return Domain(KEY, 0.05, Seconds(0.1), correction)


def test_integrated_power_is_corrected():
    made = domain(Correction(1.1, Watts(0.5), 0.012))
    for tick in range(11):
        made.add(Seconds(tick * 0.1), PowerReading("VDD_IN", "board", Watts(4.0)))
    assert made.power == pytest.approx(4.9)
    assert made.energy == pytest.approx(4.9)
    assert made.uncertainty_ratio == 0.012


def test_a_counter_is_corrected():
    made = domain(Correction(1.1, Watts(0.5), 0.012))
    for tick in range(11):
        made.add(Seconds(tick * 0.1), EnergyReading("VDD_IN", "board", Joules(tick * 0.4)))
    assert made.energy == pytest.approx(4.9)
    assert made.power == pytest.approx(4.9)


def test_a_corrected_counter_never_goes_back():
    made = domain(Correction(1.0, Watts(-5.0), 0.012))
    for tick in range(11):
        made.add(Seconds(tick * 0.1), PowerReading("VDD_IN", "board", Watts(2.0)))
    assert (made.power, made.energy) == (0.0, 0.0)


@pytest.mark.parametrize(("quantum", "watts"), [(600.0, 10.0), (2.0, 20.0), (0.5, 9.0)])
def test_a_counter_s_quanta_leave_a_negative_offset_its_due(quantum, watts):
    """Read at 10 Hz, out of step with its refreshes; 8 W are to be taken off."""
    made = domain(Correction(1.0, Watts(-8.0), 0.012))
    for tick in range(6001):
        count = quantum * (tick * 0.1137 * watts // quantum)
        made.add(Seconds(tick * 0.1137), EnergyReading("VDD_IN", "board", Joules(count)))
    assert made.energy / made.covered == pytest.approx(watts - 8.0, rel=0.03)


class Bridge:
    """A module of two sensors, with a domain of one name."""

    uncertainty_ratio = 0.05
    method = "counter"

    def __init__(self, name):
        self.name = name
        if name == "bridge":
            self.read_power = list
        else:
            self.read_energy = list


@pytest.mark.parametrize("sensor", ["bridge", "bridge_energy"])
def test_a_calibration_is_of_its_own_sensor_alone(tmp_path, sensor):
    text = f"sensor = '{sensor}'\ndomain = 'a'\ngain = 2\noffset_watts = 0\nuncertainty_ratio = 0"
    choice = load_target(target_with(tmp_path, text, "bridge")).sensors[0]
    corrected = {
        name: SensorState(
            FoundSensor(Bridge(name), choice), Seconds(1), lambda: 0.0, lambda *_: None
        ).corrections
        for name in ("bridge", "bridge_energy")
    }
    assert {name for name, found in corrected.items() if "a" in found} == {sensor}


def target_with(tmp_path, text, name="ina3221"):
    (tmp_path / "board.toml").write_text(
        "title = 'B'\nsample_interval_seconds = 0.1\nqueue_limit = 4\n[backend]\nname = 'litert'\n"
        f"[[sensors]]\nname = '{name}'\ncalibration = 'mine.toml'\n"
    )
    (tmp_path / "mine.toml").write_text(text)
    return str(tmp_path / "board.toml")


def test_what_is_written_is_read_by_the_target(tmp_path):
    made = fit(points(1.1, 0.5), 0.01)
    write(tmp_path / "made.toml", made, "ina3221", 'VDD "IN"', "scpi inlet")
    target = load_target(target_with(tmp_path, (tmp_path / "made.toml").read_text()))
    (read,) = target.sensors[0].corrections.items()
    assert read[0] == ("ina3221", 'VDD "IN"')
    assert read[1].gain == pytest.approx(1.1, rel=1e-5)
    assert read[1].offset == pytest.approx(0.5, rel=1e-5)


def test_an_older_one_stays_where_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    def full(path, *_, **__):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    old = tmp_path / "made.toml"
    old.write_text("old")
    with monkeypatch.context() as patched:
        patched.setattr(type(old), "write_text", full)
        with pytest.raises(WattscanError, match="No space left"):
            write(old, fit(points(1.1, 0.5), 0.01), "ina3221", "board", "scpi inlet")
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
    write(old, fit(points(1.1, 0.5), 0.01), "ina3221", "board", "scpi inlet")
    assert "gain = 1.1" in old.read_text()


@pytest.mark.parametrize(
    "text, told",
    [
        ("sensor = 'nvml'", "of the sensor nvml, not of ina3221"),
        ("sensor = 'ina3221'\ngain = 1", "offset_watts is missing"),
        ("sensor = 'ina3221'\noffset_watts = 0\ngain = 0", "gain must be above 0"),
        ("sensor = 'ina3221'\noffset_watts = nan\ngain = 1", "offset_watts must be a number"),
        ("sensor = 'ina3221'\noffset_watts = '1'\ngain = 1", "offset_watts must be a number"),
        ("sensor = 'ina3221'\noffset_watts = true\ngain = 1", "offset_watts must be a number"),
        ("sensor = ", "not valid TOML"),
    ],
)
def test_a_calibration_that_is_wrong_is_told(tmp_path, text, told):
    with pytest.raises(WattscanError, match=told):
        load_target(target_with(tmp_path, text))
