import pytest

from wattscan import plugins
from wattscan.contracts import EngineAbsent, WattscanError


def test_plugins_are_found_by_their_modules_names():
    assert {"openvino", "onnxruntime", "litert"} <= set(plugins.names("backends"))
    assert {"rapl", "hwmon", "thermal-zone", "cpu-model"} <= set(plugins.names("sensors"))
    assert "nerve-ultrasound" in plugins.names("tasks")


@pytest.mark.parametrize("load", [plugins.task, plugins.backend, plugins.sensor])
def test_an_unknown_name_is_told_with_what_there_is(load):
    with pytest.raises(WattscanError, match=r"called 'no-such'; there is: \w"):
        load("no-such")


def test_a_missing_sdk_names_its_extra():
    with pytest.raises(EngineAbsent, match=r"pip install 'wattscan\[openvino\]'"):
        plugins.sdk("a_module_that_is_not_there", "openvino")
