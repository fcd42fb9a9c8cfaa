import os
import time

import pytest

from wattscan.contracts import EnergySensor, WattscanError
from wattscan.sensors import cpu_model

SETTINGS = {"idle_watts_per_core": 0.74, "busy_watts_per_core": 2.76, "uncertainty_ratio": 0.5}


def test_energy_is_idle_time_plus_own_processor_time(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    clock = {"monotonic": 100.0, "process": 10.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["monotonic"])
    monkeypatch.setattr(time, "process_time", lambda: clock["process"])
    (sensor,) = cpu_model.find(SETTINGS, tmp_path)
    assert isinstance(sensor, EnergySensor)
    (before,) = sensor.read_energy()
    clock.update(monotonic=110.0, process=13.0)
    (after,) = sensor.read_energy()
    assert after.count - before.count == pytest.approx(4 * 0.74 * 10 + 2.76 * 3)


def test_it_says_that_it_is_modelled_and_from_what(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    (sensor,) = cpu_model.find(SETTINGS, tmp_path)
    assert isinstance(sensor, EnergySensor)
    assert sensor.method == "modelled"
    (reading,) = sensor.read_energy()
    assert reading.domain == "cpu: 1.48 W idle + 2.76 W per busy core"


def test_missing_coefficients_are_an_error(tmp_path):
    with pytest.raises(WattscanError, match="is missing"):
        cpu_model.find({}, tmp_path)
