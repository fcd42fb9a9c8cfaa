"""A tree of RAPL counters that count, as the kernel's powercap has it below `class/powercap`."""

import itertools
import os
import threading
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


@contextmanager
def moving(watts, folder, begin=1_000_000):
    """Zone -> watts; while inside, each count grows by that. `begin`: the first counts, uJ."""
    files = {name: os.open(file, os.O_RDWR) for name, file in zones(folder, watts).items()}
    started, stopping = time.monotonic(), threading.Event()

    def count():
        elapsed = time.monotonic() - started
        for name, file in files.items():
            # In one call and of one width: whoever reads meanwhile reads a whole number.
            counted = (begin + int(watts[name] * elapsed * 1e6)) % RANGE
            os.pwrite(file, f"{counted:>15}\n".encode(), 0)

    def run():
        while not stopping.wait(0.002):
            count()

    count()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield watts
    finally:
        stopping.set()
        thread.join()
        for file in files.values():
            os.close(file)
