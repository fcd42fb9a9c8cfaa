"""A server that runs: started, ready, paused while another one is measured, ended."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtest.serving import networks, process_tree, repository
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.servers import ENVIRONMENTS, ROOT, WATTSCAN, Spec

_READY_WITHIN = 120.0
_LOOK_EVERY = 0.01
# What would make a difference between a terminal and another one, or between servers.
_DROPPED = ("MALLOC_", "OMP_", "PYTHON", "GRPC_", "LD_", "MLSERVER_", "PYTRITON_", "WATTSCAN_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


@dataclass(frozen=True)
class Running:
    """A server that is ready."""

    spec: Spec
    pid: int
    address: str
    ready_seconds: float


@contextlib.contextmanager
def running(spec: Spec, model: str, folder: Path) -> Iterator[Running]:
    """Start a server with one model; end it and its children on the way out.

    Raises:
        BenchmarkError: it is not installed, ends, or is not ready within two minutes.
    """
    folder.mkdir(parents=True)
    command = _command(spec, model, folder)
    out, log = folder / "stdout", folder / "log"
    start = time.perf_counter()
    with out.open("wb") as stdout, log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment(spec.variables),
            cwd=folder,
            start_new_session=True,
            preexec_fn=process_tree.end_with_parent,  # noqa: PLW1509  (no threads here yet)
        )
    try:
        try:
            address = _address(process, out, log)
        except BenchmarkError as error:
            # A table is no place for this machine's paths.
            text = str(error).replace(str(folder), ".").replace(str(ROOT), ".")
            raise BenchmarkError(text) from None
        yield Running(spec, process.pid, address, time.perf_counter() - start)
    finally:
        process_tree.end(process.pid)
        process.wait()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The same for every process of a run."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_DROPPED) and name.lower() not in _PROXIES
    }
    # NumPy's: its second thread would spin, in some releases for as long as a request takes.
    return {**kept, "ORT_DISABLE_TELEMETRY": "1", "OPENBLAS_NUM_THREADS": "1", **extra}


def versions(spec: Spec) -> str:
    """Of the packages that matter, as they are installed; empty where there are none."""
    where = [str(path) for path in spec.python.parents[1].glob("lib/python*/site-packages")]
    distributions = (
        importlib.metadata.distributions(path=where)
        if spec.environment
        else importlib.metadata.distributions()
    )
    found = {each.name.lower(): each.version for each in distributions}
    return ", ".join(f"{name} {found[name]}" for name in spec.packages if name in found)


def _command(spec: Spec, model: str, folder: Path) -> list[str]:
    if spec.environment:
        if not spec.python.is_file():
            raise BenchmarkError(f"not installed: there is no {ENVIRONMENTS / spec.environment}")
        script = ROOT / "loadtest" / "serving" / "peers" / spec.script
        work = folder / "work"
        work.mkdir()
        # -B: no cache of the scripts among the sources.
        command = [str(spec.python), "-B", str(script), model, str(networks.path(model))]
        return [*command, str(work), str(spec.instances)]
    plain = spec.name.split("+")[0] == WATTSCAN
    write = repository.write_plain if plain else repository.write_task
    return [
        *(sys.executable, "-m", "wattscan", "serve"),
        *("--target", str(repository.write_target(folder))),
        *("--models", str(write(folder, model))),
        *("--grpc-port", "0", "--metrics-port", "0"),
    ]


def _address(process: subprocess.Popen[bytes], out: Path, log: Path) -> str:
    until = time.monotonic() + _READY_WITHIN
    while time.monotonic() < until:
        for line in out.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith('{"') and line.endswith("}"):
                return str(json.loads(line)["grpc"])
        if process.poll() is not None:
            raise BenchmarkError(f"ended with {process.returncode}: {_last_line(log, out)}")
        time.sleep(_LOOK_EVERY)
    raise BenchmarkError(f"not ready within {_READY_WITHIN:.0f} s: {_last_line(log, out)}")


def _last_line(*files: Path) -> str:
    """The last thing that it said, on standard error first."""
    for file in files:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        if said := [line.strip() for line in lines if line.strip()]:
            return said[-1][:200]
    return "it said nothing"
