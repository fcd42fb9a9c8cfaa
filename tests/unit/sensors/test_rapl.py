import shutil

import pytest

from wattscan.contracts import EnergySensor, SensorAbsent, SensorFailed
from wattscan.sensors import rapl

SETTINGS = {"uncertainty_ratio": 0.05}


@pytest.fixture
def sysfs(tmp_path):
    def zone(path, name, microjoules, max_range=262_143_328_850):
        folder = tmp_path / "class" / "powercap" / path
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text(f"{max_range}\n")
        return folder

    zone("intel-rapl:0", "package-0", 12_500_000)
    zone("intel-rapl:0:0", "core", 7_000_000)
    zone("intel-rapl:0:1", "dram", 3_250_000, 65_712_999_613)
    zone("intel-rapl:1", "psys", 40_000_000)
    return tmp_path


def read(sysfs):
    (sensor,) = rapl.find(SETTINGS, sysfs)
    assert isinstance(sensor, EnergySensor)
    return sensor, {r.domain: r for r in sensor.read_energy()}


def test_zones_become_domains_in_joules(sysfs):
    sensor, readings = read(sysfs)
    assert (sensor.name, sensor.method, sensor.uncertainty_ratio) == ("rapl", "counter", 0.05)
    assert list(readings) == ["package-0", "psys", "dram-0", "core-0"]
    assert readings["package-0"].count == pytest.approx(12.5)
    assert readings["package-0"].wraps_at == pytest.approx(262_143.328850)
    assert readings["dram-0"].wraps_at == pytest.approx(65_712.999613)
    assert {d: r.scope for d, r in readings.items()}["psys"] == "system"
    assert readings["package-0"].scope == "chip"


def test_amd_zones_are_read_too(tmp_path):
    folder = tmp_path / "class" / "powercap" / "amd-rapl:0"
    folder.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "1"), ("max_energy_range_uj", "9")):
        (folder / name).write_text(text)
    assert list(read(tmp_path)[1]) == ["package-0"]


def test_no_powercap_is_absent_with_the_reason(tmp_path):
    with pytest.raises(SensorAbsent, match="virtual machine"):
        rapl.find(SETTINGS, tmp_path)


def test_an_unreadable_counter_is_absent_with_the_way_out(sysfs, monkeypatch):
    def refuse(file):
        raise SensorFailed("permission", f"{file} may not be read")

    monkeypatch.setattr(
        rapl, "read_int", lambda f: refuse(f) if f.name == "energy_uj" else 1_000_000
    )
    with pytest.raises(SensorAbsent, match="chmod a"):
        rapl.find(SETTINGS, sysfs)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.unlink(), "unreadable"),
        (lambda f: f.write_text("garbage"), "garbage"),
        (lambda f: f.write_text(""), "garbage"),
    ],
)
def test_a_counter_lost_later_is_a_failure(sysfs, spoil, reason):
    sensor, _ = read(sysfs)
    counters = list(sysfs.glob("class/powercap/*/energy_uj"))
    spoil(sysfs / "class" / "powercap" / "intel-rapl:0" / "energy_uj")
    # One zone does not silence the others.
    assert [r.domain for r in sensor.read_energy()] == ["psys", "dram-0", "core-0"]
    for counter in counters:
        if counter.exists():
            spoil(counter)
    with pytest.raises(SensorFailed) as caught:
        sensor.read_energy()
    assert caught.value.reason == reason


@pytest.mark.parametrize("file", ["energy_uj", "max_energy_range_uj"])
def test_a_zone_that_cannot_be_read_from_the_start_does_not_hide_the_others(sysfs, file):
    spoilt = sysfs / "class/powercap/intel-rapl:0:1" / file
    spoilt.write_text("x\n")
    assert list(read(sysfs)[1]) == ["package-0", "psys", "core-0"]
    for zone in (sysfs / "class/powercap").iterdir():
        (zone / file).write_text("x\n")
    with pytest.raises(SensorAbsent, match="does not hold a number"):
        rapl.find(SETTINGS, sysfs)


def test_a_count_that_none_can_have_is_garbage(sysfs):
    for zone in (sysfs / "class/powercap").iterdir():
        (zone / "energy_uj").write_text("9" * 16)
    with pytest.raises(SensorAbsent, match=r"beyond 1e\+15"):
        rapl.find(SETTINGS, sysfs)


@pytest.mark.parametrize("microjoules", [0, -5])
def test_a_range_that_cannot_be_is_not_known(sysfs, microjoules):
    (sysfs / "class/powercap/intel-rapl:0/max_energy_range_uj").write_text(f"{microjoules}\n")
    assert read(sysfs)[1]["package-0"].wraps_at is None


@pytest.mark.parametrize(
    ("name", "domains"),
    [("package-0\n", ["package-0", "package-0:1"]), ("\n", ["package-0", "zone"])],
)
def test_each_zone_has_a_name_of_its_own(sysfs, name, domains):
    (sysfs / "class/powercap/intel-rapl:1/name").write_text(name)
    sensor, readings = read(sysfs)
    assert set(readings) == {*domains, "dram-0", "core-0"}
    assert readings[domains[1]].count == pytest.approx(40.0)
    moved = dict.fromkeys(readings, 3.0)
    assert list(sensor.device_domains(moved)) == [d for d in domains if "package" in d]


def test_a_second_control_type_is_the_same_hardware(sysfs):
    powercap = sysfs / "class/powercap"
    shutil.copytree(powercap / "intel-rapl:0", powercap / "amd-rapl:0")
    read_ = read(sysfs)[0].read_energy()
    assert [r.domain for r in read_] == ["package-0", "psys", "dram-0", "core-0"]


@pytest.mark.parametrize(
    ("file", "why"), [("energy_uj", "a number"), ("max_energy_range_uj", "No such file")]
)
def test_a_package_that_is_listed_and_cannot_be_read_is_a_part_of_the_machine(sysfs, file, why):
    second = sysfs / "class/powercap/intel-rapl:1"
    (second / "name").write_text("package-1\n")
    text = (second / file).read_text()
    if file == "energy_uj":
        (second / file).write_text("x\n")
    else:
        (second / file).unlink()
    sensor, readings = read(sysfs)
    assert list(readings) == ["package-0", "dram-0", "core-0"]
    assert why in sensor.unreadable["package-1"]
    assert list(sensor.device_domains({"package-0": 3.0})) == ["package-0", "package-1"]
    (second / file).write_text(text)
    sensor.read_energy()
    assert not sensor.unreadable or file == "max_energy_range_uj"
