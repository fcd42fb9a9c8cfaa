"""RAPL and a thermal zone in a sysfs that changes while the command reads it: umockdev's, which
stands in for the kernel's below the C library, so that nothing has to be told where it is."""

import json
import subprocess
import sys

import pytest

from commands import WATTSCAN

pytestmark = pytest.mark.slow

# umockdev's own format: a device's path (P), its properties (E) and its attributes (A).
DEVICES = """\
P: /devices/virtual/powercap/intel-rapl
E: SUBSYSTEM=powercap

P: /devices/virtual/powercap/intel-rapl/intel-rapl:0
E: SUBSYSTEM=powercap
A: name=package-0
A: energy_uj=1000000
A: max_energy_range_uj=262143328850

P: /devices/virtual/thermal/thermal_zone0
E: SUBSYSTEM=thermal
A: type=x86_pkg_temp
A: temp=47000
"""
WATTS = 20.0
# Runs below umockdev: counts up as a package of 20 W would, while the command reads.
FEEDER = """
import subprocess, sys, time
counter = "/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj"
zone = "/sys/devices/virtual/thermal/thermal_zone0/temp"
child = subprocess.Popen(sys.argv[2:])
begin = time.monotonic()
while child.poll() is None:
    seconds = time.monotonic() - begin
    for path, number in ((counter, 1e6 + float(sys.argv[1]) * seconds * 1e6), (zone, 55e3)):
        with open(path, "r+") as file:
            file.write(f"{number:.0f}")
    time.sleep(0.01)
sys.exit(child.returncode)
"""


@pytest.fixture
def feeder(need_program, tmp_path):
    need_program("umockdev-run", "umockdev")
    (tmp_path / "devices.umockdev").write_text(DEVICES)
    (tmp_path / "feeder.py").write_text(FEEDER)
    return [
        *("umockdev-run", "-d", str(tmp_path / "devices.umockdev"), "--"),
        *(sys.executable, str(tmp_path / "feeder.py"), str(WATTS)),
    ]


def test_what_the_kernel_counts_is_shown_in_watts_and_degrees(feeder):
    command = [*feeder, *WATTSCAN, "sensors", "--seconds", "1.5", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = {row["sensor"]: row for row in json.loads(done.stdout)["sensors"]}
    rapl = rows["rapl"]
    assert (rapl["covers"], rapl["state"], rapl["method"]) == ("package-0", "table", "counter")
    # The feeder writes every hundredth of a second, and the machine is shared.
    assert rapl["energy"] == pytest.approx(WATTS * 1.5, rel=0.2)
    assert rapl["power"] == pytest.approx(WATTS, rel=0.6)
    assert rows["thermal_zone"]["temperature"] == 55.0
    assert rows["rapl_perf"]["why"] == "not needed: rapl is here"
