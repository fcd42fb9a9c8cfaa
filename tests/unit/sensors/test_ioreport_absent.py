"""The energy counters of a Mac: what is missing or refused is told."""

import gc

import pytest
from fake_mac import M1, build, read

from wattscan.contracts import SensorAbsent
from wattscan.sensors import ioreport


def test_only_what_is_read_is_asked_for(mac):
    read(mac.find())
    assert mac.mock.mock_asked() == 4


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [("system", "Linux", "not macOS"), ("machine", "x86_64", "Apple silicon only")],
)
def test_another_machine_is_told(mac, monkeypatch, attribute, value, told):
    monkeypatch.setattr(ioreport.platform, attribute, lambda: value)
    with pytest.raises(SensorAbsent, match=told):
        mac.find()


@pytest.mark.parametrize("library", ["library", "core_foundation"])
def test_a_missing_library_is_told(mac, library):
    with pytest.raises(SensorAbsent, match=r"none\.dylib cannot be loaded"):
        mac.find(**{library: str(mac.folder / "none.dylib")})


def test_a_missing_function_is_told(mac, tmp_path_factory):
    function = "IOReportSimpleGetIntegerValue"
    other = build(tmp_path_factory.mktemp("other"), without=[function])
    with pytest.raises(SensorAbsent, match=f"has no {function}"):
        mac.find(library=str(other))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("IOReportCopyChannelsInGroup", "no group Energy Model"),
        ("IOReportCreateSubscription", "refuses a subscription"),
        ("IOReportCreateSamples", "cannot be read: IOReport gave no sample"),
    ],
)
def test_what_is_refused_is_told_and_nothing_is_kept(mac, function, told):
    mac.gives_null(function)
    with pytest.raises(SensorAbsent, match=told):
        mac.find()
    gc.collect()
    assert (mac.mock.mock_live(), mac.mock.mock_misuses()) == (0, 0)


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ({}, "no channel of cpu, gpu, ane among its 0"),
        ({**M1, "GPU Energy": None}, "no channel of gpu among its 8"),
        ({**M1, "ANE": None}, "no channel of ane"),
    ],
)
def test_a_group_without_a_part_of_the_package_is_told_and_nothing_is_kept(mac, channels, told):
    with pytest.raises(SensorAbsent, match=told):
        mac.find(channels)
    gc.collect()
    assert (mac.mock.mock_live(), mac.mock.mock_misuses()) == (0, 0)


def test_a_cpu_that_is_not_counted_is_told(mac):
    mac.counts({**M1, "GPU Energy": "5+9 nJ"})
    with pytest.raises(SensorAbsent, match="powermetrics may tell it"):
        ioreport.find(mac.settings, mac.folder)
