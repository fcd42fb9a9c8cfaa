"""Power meters that speak SCPI: units and settings."""

import pytest

from wattscan.contracts import EnergySensor, PowerSensor, SensorAbsent, SensorFailed, WattscanError
from wattscan.sensors import scpi

# Two meters as pyvisa-sim plays them: a Yokogawa WT310 by IM WT310-17EN, and one of no brand.
METERS = r"""
spec: "1.1"
devices:
  wt310:
    eom:
      TCPIP INSTR: {q: "\n", r: "\n"}
    error: ERROR
    dialogues:
      - {q: ":COMMUNICATE:HEADER OFF"}
      - {q: ":NUMERIC:FORMAT ASCII"}
      - {q: ":NUMERIC:NORMAL:NUMBER 2"}
      - {q: ":NUMERIC:NORMAL:ITEM1 P,1"}
      - {q: ":NUMERIC:NORMAL:ITEM2 WH,1"}
      - {q: ":INTEGRATE:RESET"}
      - {q: ":INTEGRATE:MODE NORMAL"}
      - {q: ":INTEGRATE:TIMER 0,0,0"}
      - {q: ":INTEGRATE:START"}
      - {q: ":INTEGRATE:STATE?", r: "RES"}
      - {q: ":NUMERIC:NORMAL:VALUE?", r: "12.345E+00,2.5000E+00"}
  generic:
    eom:
      ASRL INSTR: {q: "\r\n", r: "\n"}
      TCPIP INSTR: {q: "\n", r: "\n"}
    error: ERROR
    dialogues:
      - {q: "CONF:POW"}
      - {q: "MEAS:POW?", r: "4500"}
      - {q: "MEAS:ENER?", r: " 2.0 "}
      - {q: "NAN?", r: "NAN"}
      - {q: "INF?", r: "-INF"}
      - {q: "NONE?", r: "9.91E+37"}
      - {q: "OVER?", r: "9.9E+37"}
      - {q: "WORD?", r: "ready"}
      - {q: "EMPTY?", r: ""}
      - {q: "SILENT?"}
resources:
  TCPIP::192.0.2.7::INSTR: {device: wt310}
  TCPIP::192.0.2.8::INSTR: {device: generic}
"""


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "meters.yaml"
    file.write_text(METERS)
    return f"{file}@sim"


def generic(meters, **settings):
    table = {
        "resource": "TCPIP::192.0.2.8::INSTR",
        "library": meters,
        "uncertainty_ratio": 0.01,
        "power_query": "MEAS:POW?",
        **settings,
    }
    (sensor,) = scpi.find(table, None)
    return sensor


def test_a_wt300_s_watt_hours_become_joules(library):
    (sensor,) = scpi.find(
        {"resource": "TCPIP::192.0.2.7::INSTR", "library": library, "model": "wt300"}, None
    )
    assert isinstance(sensor, EnergySensor)
    (reading,) = sensor.read_energy()
    assert (reading.domain, reading.scope, reading.count) == ("inlet", "system", 9000.0)
    assert (sensor.name, sensor.method, sensor.uncertainty_ratio) == ("scpi", "counter", 0.0015)


@pytest.mark.parametrize(("unit", "watts"), [("mW", 4.5), ("W", 4500.0), ("kW", 4.5e6)])
def test_a_generic_meter_s_power_becomes_watts(library, unit, watts):
    sensor = generic(library, setup=["CONF:POW"], power_unit=unit, domain="desk")
    assert isinstance(sensor, PowerSensor)
    (reading,) = sensor.read_power()
    assert (reading.domain, reading.power) == ("desk", pytest.approx(watts))
    assert (sensor.name, sensor.uncertainty_ratio) == ("scpi", 0.01)


@pytest.mark.parametrize(("unit", "joules"), [("Wh", 7200.0), ("kWh", 7.2e6), ("J", 2.0)])
def test_a_generic_meter_s_energy_becomes_joules(library, unit, joules):
    sensor = generic(library, energy_query="MEAS:ENER?", energy_unit=unit)
    assert isinstance(sensor, EnergySensor)
    assert sensor.read_energy()[0].count == pytest.approx(joules)


@pytest.mark.parametrize("query", ["NAN?", "INF?", "NONE?", "OVER?"])
def test_a_value_that_stands_for_none_is_over_its_range(library, query):
    sensor = generic(library, power_query=query)
    with pytest.raises(SensorFailed, match="over its range") as caught:
        sensor.read_power()
    assert caught.value.reason == "overrange"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"power_query": "WORD?"}, "not a number"),
        ({"power_query": "EMPTY?"}, "not a number"),
        ({"power_query": "SILENT?"}, "[Tt]imeout"),
        ({"power_query": "UNKNOWN?"}, "not a number"),
        ({"resource": "TCPIP::192.0.2.9::INSTR"}, "cannot be read"),
        ({"resource": "nonsense"}, "resource"),
        ({"library": "/nowhere.yaml@sim"}, "cannot be read"),
        ({"resource": ""}, "give its VISA address as resource"),
    ],
)
def test_a_meter_that_cannot_be_read_is_absent_with_the_reason(library, settings, told):
    with pytest.raises(SensorAbsent, match=told):
        generic(library, **settings)


def test_a_missing_library_names_its_extra(library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvisa", None)
    with pytest.raises(SensorAbsent, match=r"pip install 'wattscan\[meters\]'"):
        generic(library)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "wt5000"}, "model must be"),
        ({"model": "wt300"}, "^power_query: for a generic meter only"),
        ({"power_unit": "hp"}, "power_unit must be one of W, mW, kW"),
        ({"energy_unit": "cal"}, "energy_unit must be one of"),
        ({"setup": "CONF"}, "setup must be a list"),
        ({"power_query": ""}, "needs an energy_query or a power_query"),
        ({"uncertainty_ratio": None}, "uncertainty_ratio is missing"),
        ({"adress": "x"}, "unknown key adress"),
    ],
)
def test_wrong_settings_are_refused(library, settings, told):
    with pytest.raises(WattscanError, match=told):
        generic(library, **settings)
