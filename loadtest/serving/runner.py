"""The run: every server started, one loaded at a time, the order turned each round."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from loadtest.serving import bare, networks, process_tree
from loadtest.serving.client import LoadJob
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.results import CEILING, Facts, MeasuredServer, Results, Sample
from loadtest.serving.running import Running, environment, running
from loadtest.serving.servers import ROOT, Spec
from loadtest.serving.window import TimedStretch

_SETTLE = 1.0
_IDLE = 2.0
# Bare sessions side by side.
_BARE = (1, 2)
_T = TypeVar("_T")


@dataclass(frozen=True)
class ComparisonOptions:
    """What is asked for."""

    rounds: int
    seconds: float
    clients: tuple[int, ...]
    models: tuple[str, ...]
    specs: tuple[Spec, ...]


def run(options: ComparisonOptions, say: Callable[[str], None]) -> Results:
    """Measure all of it. Raises: BenchmarkError, if a request fails under load."""
    results = Results(
        options.clients, {model: _entries(options, model) for model in options.models}
    )
    later = sum(map(len, results.entries.values()))
    with tempfile.TemporaryDirectory(prefix="wattscan-") as folder:
        for model in options.models:
            later -= len(results.entries[model])
            _ComparisonRun(options, results, model, Path(folder), say).measure(later)
    return results


def _entries(options: ComparisonOptions, model: str) -> tuple[MeasuredServer, ...]:
    served = [
        MeasuredServer(spec.name, protocol)
        for spec in options.specs
        for protocol in spec.serves(model)
    ]
    return (CEILING, *served)


def turned(items: Sequence[_T], number: int) -> list[_T]:
    """The items, another one first each round."""
    start = number % len(items)
    return [*items[start:], *items[:start]]


class _ComparisonRun:
    """One model."""

    def __init__(
        self,
        options: ComparisonOptions,
        results: Results,
        model: str,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._options, self._results, self._model = options, results, model
        self._folder, self._say = folder / model, say
        self._running: dict[str, Running] = {}
        self._exchange = self._folder / "exchange.npz"
        self._clinical = model in networks.TASKS

    def measure(self, later: int) -> None:
        """Start all, measure all rounds, end all. `later`: entries of the models after it."""
        self._folder.mkdir()
        np.savez(self._exchange, allow_pickle=False, **bare.exchange(self._model))
        with contextlib.ExitStack() as stack:
            for spec in self._options.specs:
                if spec.serves(self._model):
                    self._start(spec, stack)
            entries = [e for e in self._results.entries[self._model] if self._answers(e)]
            self._rounds(entries, later)
            self._say(f"{self._model}: stopping the servers")

    def _start(self, spec: Spec, stack: contextlib.ExitStack) -> None:
        self._say(f"{self._model}: starting {spec.name}")
        try:
            folder = self._folder / spec.name
            server = stack.enter_context(running(spec, self._model, folder))
        except BenchmarkError as error:
            for protocol in spec.serves(self._model):
                self._absent(MeasuredServer(spec.name, protocol), str(error))
            return
        self._running[spec.name] = server
        time.sleep(_SETTLE)
        before = process_tree.cpu_seconds(server.pid)
        time.sleep(_IDLE)
        after = process_tree.cpu_seconds(server.pid)
        self._results.facts[spec.name, self._model] = Facts(
            processes=len(after),
            ready_seconds=server.ready_seconds,
            idle_cores=max(sum(after.values()) - sum(before.values()), 0.0) / _IDLE,
        )
        process_tree.pause(server.pid)

    def _answers(self, entry: MeasuredServer) -> bool:
        """Whether it gives the right answer, once, without a load."""
        if entry == CEILING:
            return True
        server = self._running.get(entry.server)
        if server is None:
            return False
        try:
            list(self._load(server, entry, (1,), 0.0))
        except BenchmarkError as error:
            self._absent(entry, str(error))
            return False
        return True

    def _absent(self, entry: MeasuredServer, reason: str) -> None:
        self._results.absent[self._model, entry] = reason
        self._say(f"{self._model}: {entry.server}, {entry.protocol}, is not run: {reason}")

    def _rounds(self, entries: Sequence[MeasuredServer], later: int) -> None:
        done, start = 0, time.monotonic()
        visits = self._options.rounds * (len(entries) + later)
        for number in range(self._options.rounds):
            for entry in turned(entries, number):
                left = ""
                if done:
                    seconds = (time.monotonic() - start) / done * (visits - done)
                    left = f"; about {seconds / 60:.0f} min left"
                where = f"{self._model}: round {number + 1} of {self._options.rounds}"
                self._say(f"{where}, {entry.server}, {entry.protocol}{left}")
                for window in self._visit(entry, number):
                    self._results.samples.append(Sample(self._model, number, entry, window))
                done += 1

    def _visit(self, entry: MeasuredServer, number: int) -> Iterator[TimedStretch]:
        if entry == CEILING:
            # A clinical pipeline has one thread; what two bring is the small networks' to show.
            for sessions in _BARE[:1] if self._clinical else _BARE:
                yield from self._bare(sessions)
            return
        clients = self._options.clients if number % 2 == 0 else self._options.clients[::-1]
        if self._clinical:  # the least and the greatest: the time goes into the frames
            clients = tuple(dict.fromkeys((clients[0], clients[-1])))
        server = self._running[entry.server]
        yield from self._load(server, entry, clients, self._options.seconds)
        resident = process_tree.resident_bytes(server.pid)
        self._results.facts[entry.server, self._model].resident.append(resident)

    def _bare(self, sessions: int) -> Iterator[TimedStretch]:
        arguments = [self._model, str(self._options.seconds), str(sessions)]
        arguments.append(str(self._exchange))
        for line in _child("loadtest.serving.bare", arguments, ""):
            yield TimedStretch(**line)

    def _load(
        self, server: Running, entry: MeasuredServer, clients: tuple[int, ...], seconds: float
    ) -> Iterator[TimedStretch]:
        """The windows of those clients; none of no seconds. Raises: BenchmarkError."""
        job = LoadJob(
            protocol=entry.protocol,
            address=server.address,
            model=self._model,
            clients=clients,
            seconds=seconds,
            server=server.pid,
            exchange=str(self._exchange),
            folder=str(self._folder),
        )
        process_tree.resume(server.pid)
        try:
            for line in _child("loadtest.serving.client", [], json.dumps(dataclasses.asdict(job))):
                if line:
                    yield TimedStretch(**line)
        except BenchmarkError as error:
            where = f"{entry.server}, {entry.protocol}, {self._model}: " if seconds else ""
            raise BenchmarkError(f"{where}{error}") from None
        finally:
            process_tree.pause(server.pid)


def _child(module: str, arguments: Sequence[str], told: str) -> Iterator[dict[str, Any]]:
    """The lines of JSON that a child of ours prints. Raises: BenchmarkError."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment({}),
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=process_tree.end_with_parent,  # noqa: PLW1509  (no threads here)
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101  (for mypy)
    try:
        with process.stdin as pipe:
            pipe.write(told + "\n")
        for line in process.stdout:
            found: dict[str, Any] = json.loads(line)
            if "error" in found:
                raise BenchmarkError(found["error"])
            yield found
        if process.wait():
            raise BenchmarkError(f"{module} ended with {process.returncode}")
    finally:
        if process.poll() is None:
            process_tree.end(process.pid)
        process.wait()
        process.stdout.close()
