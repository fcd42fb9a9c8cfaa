import gc
import os
import plistlib
import sys
import threading
import time

import pytest

from waiting import wait_until
from wattscan.contracts import EnergySensor, PowerSensor, SensorAbsent, SensorFailed, WattscanError
from wattscan.sensors import powermetrics
from wattscan.units import Seconds

INTERVAL = 0.2


def sample(cpu=640, gpu=31, ane=12, combined=3415.0, **more):
    """As macOS 13's powermetrics writes a sample of 0.2 s on an M1: millijoules and milliwatts."""
    processor = {
        "clusters": [{"name": "E-Cluster", "freq_hz": 9.6e8, "idle_ratio": 0.9}],
        "cpu_energy": cpu, "cpu_power": cpu / 0.2,
        "gpu_energy": gpu, "gpu_power": gpu / 0.2,
        "ane_energy": ane, "ane_power": ane / 0.2,
        "combined_power": combined,
        **more,
    }  # fmt: skip
    return plistlib.dumps(
        {
            "is_delta": True,
            "elapsed_ns": 200_000_000,
            "hw_model": "MacBookPro17,1",
            "thermal_pressure": "Nominal",
            "processor": {k: v for k, v in processor.items() if v is not None},
        }
    )


class Tool:
    """A tool that writes the given chunks, and ends or stays; called, it gives its sensor."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *chunks, then="stay"):
        script = self.folder / "powermetrics"
        script.write_text(
            f"#!{sys.executable}\n"
            "import os, sys, time\n"
            f"open({str(self.folder / 'runs')!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
            f"open({str(self.folder / 'arguments')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"for chunk in {list(chunks)!r}:\n"
            "    os.write(1, chunk)\n"
            "    time.sleep(0.002)\n"
            + ("time.sleep(60)\n" if then == "stay" else f"sys.exit({then!r})\n")
        )
        script.chmod(0o755)
        (sensor,) = powermetrics.find(
            {"command": str(script), "uncertainty_ratio": 0.1, "sample_interval_seconds": INTERVAL},
            self.folder,
        )
        return sensor


@pytest.fixture
def tool(tmp_path, monkeypatch):
    monkeypatch.setattr(powermetrics.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(powermetrics.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(powermetrics.os, "geteuid", lambda: 0, raising=False)
    return Tool(tmp_path)


def until(sensor, wanted):
    """Read until the reading or the failure's reason is as wanted, and return that."""
    got: list[object] = []

    def is_wanted():
        try:
            got.append({r.domain: r.count for r in sensor.read_energy()})
        except SensorFailed as failure:
            got.append(failure.reason)
        return wanted(got[-1])

    wait_until(is_wanted, why=lambda: f"at last: {got[-1]}")
    return got[-1]


def is_reason(reason):
    return lambda got: got == reason


def test_millijoules_of_the_samples_add_up_to_joules(tool):
    sensor = tool(sample(), b"\0" + sample(), b"\0" + sample())
    assert isinstance(sensor, EnergySensor)
    assert not isinstance(sensor, PowerSensor)
    got = until(sensor, lambda got: isinstance(got, dict) and got["package"] > 2)
    assert got == pytest.approx({"package": 2.049, "cpu": 1.92, "gpu": 0.093, "ane": 0.036})
    assert {r.scope for r in sensor.read_energy()} == {"chip"}
    assert (sensor.name, sensor.method, sensor.uncertainty_ratio) == (
        "powermetrics", "counter", 0.1,
    )  # fmt: skip
    arguments = (tool.folder / "arguments").read_text()
    assert arguments == "--samplers cpu_power,gpu_power,thermal -i 200 -b 1 -f plist"


def fed(stream, size):
    """What a run of the tool adds up to that has written this, so many bytes at a time."""
    run, (reading, writing) = powermetrics._PowermetricsProcess(), os.pipe()
    thread = threading.Thread(target=run._samples, args=(os.fdopen(reading, "rb"),))
    thread.start()
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        for at in range(0, len(stream), size):
            pipe.write(stream[at : at + size])
    thread.join()
    return {r.domain: r.count for r in run.readings(Seconds(INTERVAL), Seconds(0))}


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_a_sample_may_come_in_pieces_of_any_size(size):
    counts = fed(b"\0".join([sample(), sample(), sample()]), size)
    assert counts["package"] == pytest.approx(3 * 0.683)


def test_a_part_without_energy_is_reckoned_from_its_power(tool):
    got = until(tool(sample(cpu_energy=None)), lambda got: isinstance(got, dict))
    assert got["cpu"] == pytest.approx(3.2 * 0.2)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"what is this" * 10 + b"</plist>", "garbage"),
        (b"x" * (2 << 20), "garbage"),
        (plistlib.dumps({"processor": {}}), "garbage"),
        (plistlib.dumps([1, 2]), "garbage"),
        (sample(gpu=-1), "garbage"),
        (sample(combined=float("nan")), "garbage"),
        (sample(combined=None), "garbage"),
        (sample(0, 0, 0, combined=0.0), "zero_power"),
    ],
)
def test_what_is_no_measurement_is_a_failure(tool, output, reason):
    assert until(tool(output), lambda got: got != "starting") == reason


def test_after_garbage_the_count_starts_anew():
    counts = fed(sample() + sample() + b"junk</plist>" + sample(), 4096)
    assert counts["package"] == pytest.approx(0.683)


def test_its_end_is_told_with_its_last_words_and_it_is_started_again(tool):
    sensor = tool(then="powermetrics must be invoked as the superuser")
    with pytest.raises(SensorFailed, match="must be invoked as the superuser") as caught:
        sensor.read_energy()
    assert caught.value.reason == "ended"
    tool(sample())
    got = until(sensor, lambda got: isinstance(got, dict))
    assert got["package"] == pytest.approx(0.683)
    assert len((tool.folder / "runs").read_text().split()) == 2


def test_a_tool_that_keeps_ending_is_started_anew_after_longer_and_longer_pauses(tool, monkeypatch):
    now = [time.monotonic()]
    monkeypatch.setattr(powermetrics.time, "monotonic", lambda: now[0])
    sensor = tool(then="no")

    def has_ended():
        with pytest.raises(SensorFailed) as caught:
            sensor.read_energy()
        if caught.value.reason == "starting":
            return False
        assert caught.value.reason == "ended" and "no" in str(caught.value)
        return True

    def runs():
        wait_until(has_ended)
        return len((tool.folder / "runs").read_text().split())

    for begun, pause in enumerate((1, 2, 4, 8, 16, 30, 30), start=1):
        assert runs() == begun
        now[0] += pause - 0.1
        assert runs() == begun
        now[0] += 0.2


def test_a_tool_that_falls_silent_is_stale(tool, monkeypatch):
    sensor = tool(sample())
    until(sensor, lambda got: isinstance(got, dict))
    now = time.monotonic()
    monkeypatch.setattr(powermetrics.time, "monotonic", lambda: now + 6 * INTERVAL)
    assert until(sensor, is_reason("stale"))


def test_the_tool_ends_with_its_sensor(tool):
    sensor = tool(sample())
    until(sensor, lambda got: isinstance(got, dict))
    pid = int((tool.folder / "runs").read_text())
    os.kill(pid, 0)
    del sensor
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_nothing_runs_before_the_first_reading(tool):
    tool(sample())
    assert not (tool.folder / "runs").exists()


@pytest.mark.parametrize(
    ("module", "attribute", "value", "told"),
    [
        ("platform", "system", "Linux", "not macOS"),
        ("platform", "machine", "x86_64", "Apple silicon only"),
        ("os", "geteuid", 501, "run the service as root"),
    ],
)
def test_what_is_missing_is_told(tool, monkeypatch, module, attribute, value, told):
    monkeypatch.setattr(getattr(powermetrics, module), attribute, lambda: value, raising=False)
    with pytest.raises(SensorAbsent, match=told):
        tool()


def test_a_missing_tool_is_told(tool, tmp_path):
    settings = {"command": str(tmp_path / "none"), "uncertainty_ratio": 0.1}
    with pytest.raises(SensorAbsent, match="give the tool's path as command"):
        powermetrics.find(settings, tmp_path)


def test_a_tool_that_cannot_be_started_is_a_failure(tool):
    sensor = tool()
    (tool.folder / "powermetrics").unlink()
    with pytest.raises(SensorFailed, match="No such file"):
        sensor.read_energy()


def test_unknown_settings_are_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key intervall"):
        powermetrics.find({"intervall": 1}, tmp_path)
