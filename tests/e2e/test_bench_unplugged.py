"""The main job, when its sensor is lost meanwhile."""

import os
import re
import statistics
import subprocess
import time

import pytest
from bench_rig import TASKS

from commands import WATTSCAN
from fake_rapl import FakeRapl


def battery(root, watts):
    """A battery that is discharged: the sensor that comes after RAPL."""
    folder = root / "class" / "power_supply" / "BAT0"
    folder.mkdir(parents=True)
    for name, text in (("type", "Battery"), ("status", "Discharging"), ("present", "1")):
        (folder / name).write_text(text)

    def write():
        # No gauge shows one figure to the microwatt for ever.
        fresh = folder / "power_now.new"
        fresh.write_text(str(round(watts * 1e6) + time.monotonic_ns() % 1000))
        fresh.replace(folder / "power_now")

    write()
    return write


def samples(folder, metric, sensor="rapl"):
    """(Unix time, value) of every sample of the sensor's series of that name."""
    lines = (folder / "recording.om").read_text().splitlines()
    label = f'sensor="{sensor}"'
    mine = [line for line in lines if line.startswith(f"{metric}{{") and label in line]
    return [(float(line.split()[-1]), float(line.split()[-2])) for line in mine]


@pytest.fixture(scope="module")
def unplugged_run(tmp_path_factory):
    """A run whose RAPL counter vanishes in the load phase of the third of four windows."""
    root = tmp_path_factory.mktemp("sys")
    out = tmp_path_factory.mktemp("unplugged")
    rapl = FakeRapl(root, battery(root, watts=12))
    bench = subprocess.Popen(
        [*WATTSCAN, "bench", "--task", TASKS[0], "--out", str(out), "--sysfs", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        for line in bench.stderr:
            if "[window 3 of 4]" in line and ": load" in line:
                time.sleep(4)
                rapl.unplugged.set()
        assert bench.wait() == 0
    finally:
        bench.stderr.close()
        rapl.end()
    (folder,) = out.iterdir()
    return folder


@pytest.mark.slow
def test_a_sensor_lost_mid_run_is_a_verdict_and_not_a_zero(unplugged_run):
    text = (unplugged_run / "tables.md").read_text()
    assert "invalid" in text
    assert "sensor_down_at_edge" in text or "coverage_below_98_percent" in text
    power = samples(unplugged_run, "wattscan_power_watts")
    energy = samples(unplugged_run, "wattscan_energy_joules_total")
    up = samples(unplugged_run, "wattscan_sensor_up")
    # 40 W as long as it was there, within what its writer's own delays make of it ...
    assert statistics.median(value for _, value in power) == pytest.approx(40, rel=0.1)
    # ... then nothing: neither a zero nor the last value repeated.
    lost = min(at for at, value in up if value == 0)
    assert max(at for at, value in up if value == 1) < lost < max(at for at, _ in up) - 10
    assert max(at for at, _ in (*power, *energy)) < lost


@pytest.mark.slow
def test_the_next_sensor_takes_over_and_the_verdict_names_it(unplugged_run):
    up = samples(unplugged_run, "wattscan_sensor_up")
    lost = min(at for at, value in up if value == 0)
    sources = samples(unplugged_run, "wattscan_energy_source_info", "power_supply")
    assert lost <= min(at for at, _ in sources) < lost + 10
    energy = samples(unplugged_run, "wattscan_energy_joules_total", "power_supply")
    (begun, before), (ended, after) = energy[0], energy[-1]
    # Its own series, from its own zero, and nothing of RAPL's 40 W in it.
    assert before < 12 * 5 and after - before == pytest.approx(12 * (ended - begun), rel=0.02)
    said = "from rapl package-0 counter, then from power_supply BAT0 integrated"
    assert re.search(
        f"invalid, sensor_changed: .*{said}", (unplugged_run / "tables.md").read_text()
    )


@pytest.mark.slow
def test_a_measured_source_is_called_a_counter(unplugged_run):
    text = (unplugged_run / "tables.md").read_text()
    assert "package-0" in text
    assert "modelled_power" not in text
    assert "generator_on_device" in text
