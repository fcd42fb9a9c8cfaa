"""How long `wattscan collect` takes from a Prometheus that holds a day of several targets.

`make benchmark-collect` prints a table: for each number of targets, the seconds and the peak memory
of one command that reduces one target's run. It needs the Debian package `prometheus`; 24
targets need 10 GB in the temporary folder and 9 GB of memory while promtool makes the blocks.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pages import write_pages

_READY_SECONDS = 120.0
_REPEATS = 3


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--hours",
        type=float,
        default=24.0,
        help="how many hours each run lasted, 12 or more (default 24)",
    )
    parser.add_argument(
        "--targets",
        type=int,
        nargs="+",
        default=[8, 24],
        help="the numbers of targets to try (default 8 24)",
    )
    args = parser.parse_args()
    command = f"make benchmark-collect COLLECT='{' '.join(sys.argv[1:])}'"
    print(f"{_device()}, {date.today().isoformat()}, `{command}`\n")
    print(
        "| targets | samples | seconds, best of 3 | peak memory [MiB] |\n| --- | --- | --- | --- |"
    )
    for targets in args.targets:
        with tempfile.TemporaryDirectory() as folder:
            samples = _fill(Path(folder), targets, args.hours)
            with _prometheus(Path(folder)) as address:
                seconds, memory = min(_collect(address, Path(folder)) for _ in range(_REPEATS))
        print(f"| {targets} | {samples:,} | {seconds:.1f} | {memory:.0f} |", flush=True)
    return 0


def _fill(folder: Path, targets: int, hours: float) -> int:
    text = folder / "pages.om"
    with text.open("w", encoding="utf-8") as file:
        samples = write_pages(file, targets, hours, end=time.time() - 3600)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, str(text), str(folder / "data")], check=True, capture_output=True)
    text.unlink()
    return samples


@contextmanager
def _prometheus(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=10y"]
    command += [f"--web.listen-address={address}", "--log.level=error"]
    server = subprocess.Popen(command)
    try:
        _wait(f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait(page: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            urllib.request.urlopen(page, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _collect(address: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one command, without its report page."""
    command = [sys.executable, "-m", "wattscan", "collect", "--source", address]
    command += ["--run", "run-0", "--require", "valid"]
    begun = time.monotonic()
    with (folder / "out.md").open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("the run was not judged valid: the benchmark's pages are wrong")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def _device() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
