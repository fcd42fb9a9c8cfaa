import errno
import os
import struct
import sys
from typing import Any

import pytest

from wattscan.contracts import SensorAbsent, SensorFailed, WattscanError
from wattscan.sensors import rapl_perf

SCALE = "2.3283064365386962890625e-10"  # 2^-32, which Intel's and AMD's drivers state
JOULE = 2**32
CODES = {"energy-cores": 1, "energy-pkg": 2, "energy-ram": 3, "energy-psys": 5}


@pytest.fixture
def sysfs(tmp_path):
    """A machine with two packages, whose first processors are 0 and 28."""
    pmu = tmp_path / "bus" / "event_source" / "devices" / "power"
    events = pmu / "events"
    events.mkdir(parents=True)
    (pmu / "type").write_text("23\n")
    (pmu / "cpumask").write_text("0,28\n")
    for event, code in CODES.items():
        (events / event).write_text(f"event=0x{code:02x}\n")
        (events / f"{event}.scale").write_text(f"{SCALE}\n")
        (events / f"{event}.unit").write_text("Joules\n")
    for cpu, package in ((0, 0), (28, 1)):
        topology = tmp_path / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{package}\n")
    return tmp_path


@pytest.fixture
def kernel(monkeypatch):
    """perf_event_open by pipes: (event, processor) -> the end to write counts to."""
    pipes: dict[Any, Any] = {}
    descriptors = []

    def open_event(pmu_type, config, cpu):
        assert pmu_type == 23
        reading, writing = os.pipe()
        descriptors.append(reading)
        pipes[config, cpu] = writing
        return reading

    monkeypatch.setattr(rapl_perf, "open_event", open_event)
    pipes["descriptors"] = descriptors
    yield pipes
    for key, writing in pipes.items():
        if key != "descriptors":
            os.close(writing)


def feed(kernel, counts):
    for key, writing in kernel.items():
        if key != "descriptors":
            os.write(writing, struct.pack("=Q", counts.get(key, 0)))


def find(sysfs):
    (sensor,) = rapl_perf.find({}, sysfs)
    return sensor


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_scaled_counts_become_joules_under_the_names_of_rapl(sysfs, kernel):
    sensor = find(sysfs)
    assert (sensor.name, sensor.method, sensor.uncertainty_ratio) == ("rapl_perf", "counter", 0.05)
    feed(kernel, {(2, 0): 5 * JOULE, (2, 28): JOULE // 2, (5, 0): 9 * JOULE})
    readings = {r.domain: r for r in sensor.read_energy()}
    assert list(readings) == [
        "package-0", "package-1", "psys", "dram-0", "dram-1", "core-0", "core-1",
    ]  # fmt: skip
    assert readings["package-0"].count == pytest.approx(5.0)
    assert readings["package-1"].count == pytest.approx(0.5)
    assert (readings["psys"].count, readings["psys"].scope) == (pytest.approx(9.0), "system")
    assert {readings[d].scope for d in ("package-0", "dram-1", "core-0")} == {"chip"}
    assert readings["package-0"].wraps_at is None


def test_a_count_goes_past_the_hardwares_32_bits(sysfs, kernel):
    sensor = find(sysfs)
    feed(kernel, {(2, 0): 2**63})
    assert sensor.read_energy()[0].count == pytest.approx(2.0**31)


def test_dies_that_share_a_packages_number_are_counted_apart(sysfs, kernel):
    (sysfs / "devices/system/cpu/cpu28/topology/physical_package_id").write_text("0")
    sensor = find(sysfs)
    feed(kernel, {})
    names = [r.domain for r in sensor.read_energy()][:2]
    assert names == ["package-0-die-0", "package-0-die-1"], "as powercap has them"
    assert sensor.device_domains(dict.fromkeys(names, 5.0)) == ("package-0-die-0",), "mirrors"


@pytest.mark.parametrize(
    ("cpumask", "expected"), [("0", {0}), ("0-1,4", {0, 1, 4}), ("3,7", {3, 7})]
)
def test_an_event_is_opened_on_each_processor_of_the_mask(sysfs, kernel, cpumask, expected):
    (sysfs / "bus/event_source/devices/power/cpumask").write_text(f"{cpumask}\n")
    find(sysfs)
    assert {cpu for event, cpu in kernel.keys() - {"descriptors"} if event == 2} == expected


def test_events_of_another_unit_are_left_out(sysfs, kernel):
    (sysfs / "bus/event_source/devices/power/events/energy-ram.unit").write_text("Watts")
    sensor = find(sysfs)
    feed(kernel, {})
    assert not any("dram" in r.domain for r in sensor.read_energy())


def test_its_files_are_open_as_long_as_the_sensor_lives(sysfs, kernel):
    sensor = find(sysfs)
    descriptors = kernel["descriptors"]
    assert len(descriptors) == 7
    assert all(map(is_open, descriptors))
    del sensor
    assert not any(map(is_open, descriptors))


def test_no_pmu_is_absent_with_the_reason(tmp_path):
    with pytest.raises(SensorAbsent, match="modprobe rapl"):
        rapl_perf.find({}, tmp_path)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EACCES, r"CAP_PERFMON.*perf_event_paranoid"),
        (errno.EPERM, r"CAP_PERFMON.*perf_event_paranoid"),
        (errno.ENOSYS, "not implemented"),
    ],
)
def test_events_that_may_not_be_opened_are_absent_with_the_way_out(
    sysfs, monkeypatch, code, reason
):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(rapl_perf, "open_event", refuse)
    with pytest.raises(SensorAbsent, match=f"(?i){reason}"):
        rapl_perf.find({}, sysfs)


def test_a_pmu_without_energy_is_absent(sysfs, kernel):
    for file in (sysfs / "bus/event_source/devices/power/events").iterdir():
        file.unlink()
    with pytest.raises(SensorAbsent, match="no event in joules"):
        rapl_perf.find({}, sysfs)


def test_a_setting_that_nobody_reads_is_refused(sysfs):
    with pytest.raises(WattscanError, match="unknown key paranoid"):
        rapl_perf.find({"paranoid": 0}, sysfs)


def failure(sensor):
    with pytest.raises(SensorFailed) as caught:
        sensor.read_energy()
    return caught.value.reason


@pytest.mark.parametrize(("content", "reason"), [(b"", "gone"), (b"\0\0\0\0", "garbage")])
def test_an_event_in_error_is_a_failure(sysfs, kernel, content, reason):
    sensor = find(sysfs)
    writing = kernel.pop((2, 0))
    os.write(writing, content)
    os.close(writing)
    # The other events are counted all the same.
    feed(kernel, {(2, 28): JOULE})
    domains = [reading.domain for reading in sensor.read_energy()]
    assert "package-0" not in domains and "package-1" in domains
    for key in [key for key in kernel if key != "descriptors"]:
        writing = kernel.pop(key)
        os.write(writing, content)
        os.close(writing)
    assert failure(sensor) == reason


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.EACCES, "permission"), (errno.ENODEV, "unreadable")]
)
def test_an_event_lost_later_is_a_failure(sysfs, kernel, monkeypatch, code, reason):
    sensor = find(sysfs)

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(rapl_perf.os, "read", refuse)
    assert failure(sensor) == reason


def test_the_attributes_have_the_kernels_layout():
    # linux/perf_event.h: PERF_ATTR_SIZE_VER0 is 64; `type` is at 0, `size` at 4, `config` at 8.
    attributes = rapl_perf.attributes(pmu_type=23, config=0x0102030405060708)
    assert len(attributes) == 64
    assert struct.unpack_from("=I", attributes, 0) == (23,)
    assert struct.unpack_from("=I", attributes, 4) == (64,)
    assert struct.unpack_from("=Q", attributes, 8) == (0x0102030405060708,)
    # Nothing else is asked for: no sampling, no group, not disabled.
    assert attributes[16:] == bytes(48)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="perf events are Linux's")
def test_the_kernel_takes_the_attributes():
    software, cpu_clock = 1, 0
    try:
        descriptor = rapl_perf.open_event(software, cpu_clock, cpu=0)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOSYS):
            raise
        pytest.skip(f"this kernel lets no one count events here: {error.strerror}")
    try:
        first, second = (int.from_bytes(os.read(descriptor, 8), sys.byteorder) for _ in range(2))
    finally:
        os.close(descriptor)
    assert 0 < first < second


def test_a_machine_whose_call_is_unknown_counts_nothing(monkeypatch):
    monkeypatch.setattr(rapl_perf.platform, "machine", lambda: "riscv64")
    with pytest.raises(OSError, match="not implemented"):
        rapl_perf.open_event(23, 2, 0)
