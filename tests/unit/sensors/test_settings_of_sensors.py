"""What a target's TOML says of a sensor, with values of the wrong type."""

import pytest

from wattscan import plugins
from wattscan.contracts import WattscanError


@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, True])
@pytest.mark.parametrize(
    ("sensor", "key", "rest"),
    [
        ("shelly", "host", {}),
        ("tasmota", "host", {}),
        ("tasmota", "use", {"host": "x"}),
        ("mqtt", "topic", {"broker": "x"}),
        ("mqtt", "energy_unit", {"broker": "x", "topic": "x"}),
        ("scpi", "resource", {}),
        ("scpi", "model", {"resource": "x"}),
        ("bridge", "folder", {}),
        ("tgpro", "file", {}),
        ("powermetrics", "command", {"uncertainty_ratio": 0.1}),
    ],
)
def test_a_text_that_is_none_is_told_by_its_key(tmp_path, sensor, key, rest, value):
    with pytest.raises(WattscanError, match=f"^{key} must be a text, in quotes, not"):
        plugins.sensor(sensor).find({**rest, key: value}, tmp_path)


@pytest.mark.parametrize("value", [5, 1.001])
@pytest.mark.parametrize("sensor", ["shelly", "bridge", "hwmon", "rapl-perf", "cpu-model"])
def test_an_uncertainty_in_percent_is_told(tmp_path, sensor, value):
    settings = {"uncertainty_ratio": value}
    if sensor == "cpu-model":
        settings |= {"idle_watts_per_core": 1, "busy_watts_per_core": 1}
    if sensor == "shelly":
        settings |= {"host": "127.0.0.1:1"}
    with pytest.raises(WattscanError, match="uncertainty_ratio must be from 0 to 1"):
        plugins.sensor(sensor).find(settings, tmp_path)
