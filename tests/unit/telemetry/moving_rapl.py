"""A tree of RAPL counters that count, as the kernel's powercap has it below `class/powercap`."""

import itertools
import subprocess
import sys
import time
from contextlib import contextmanager

RANGE = 262_143_328_850


def zones(folder, names):
    """Makes the folders; zone -> its `energy_uj`. A name such as `package-0/core` is a subzone."""
    powercap = folder / "class" / "powercap"
    files, numbers = {}, itertools.count()
    for name in names:
        parent, _, child = name.partition("/")
        if child:
            base = files[parent].parent.name
            inside = sum(each.startswith(f"{parent}/") for each in files)
            zone = powercap / f"{base}:{inside}"
        else:
            zone = powercap / f"intel-rapl:{next(numbers)}"
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{child or parent}\n")
        (zone / "max_energy_range_uj").write_text(f"{RANGE}\n")
        (zone / "energy_uj").write_text("0\n")
        files[name] = zone / "energy_uj"
    return files


# Counts in a process of its own, as the hardware does: a busy loop beside a thread would starve it.
COUNTER = """
import os, sys, time
begin, parent, started = int(sys.argv[1]), os.getppid(), time.monotonic()
pairs = zip(sys.argv[2::2], sys.argv[3::2])
files = [(os.open(path, os.O_RDWR), float(watts)) for path, watts in pairs]
while os.getppid() == parent:
    elapsed = time.monotonic() - started
    for file, watts in files:
        # In one call and of one width: whoever reads meanwhile reads a whole number.
        counted = (begin + int(watts * elapsed * 1e6)) % RANGE
        os.pwrite(file, f"{counted:>15}\\n".encode(), 0)
    time.sleep(0.002)
"""


@contextmanager
def moving(watts, folder, begin=1_000_000):
    """Zone -> watts; while inside, each count grows by that. `begin`: the first counts, uJ."""
    files = zones(folder, watts)
    arguments = [str(a) for name, file in files.items() for a in (file, watts[name])]
    script = COUNTER.replace("RANGE", str(RANGE))
    counter = subprocess.Popen([sys.executable, "-c", script, str(begin), *arguments])
    try:
        while any(file.read_text() == "0\n" for file in files.values()):
            assert counter.poll() is None
            time.sleep(0.01)
        yield watts
    finally:
        counter.kill()
        counter.wait()
