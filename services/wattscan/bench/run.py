"""One run on one machine: starts the service and the generator, records both, reduces."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.bench.processes import Child
from wattscan.bench.progress import Progress, duration
from wattscan.bench.recorder import Page, Recorder
from wattscan.bench.workload import IMAGES, write_images
from wattscan.contracts import PRECISIONS, Target, WattscanError
from wattscan.metrics import PROFILES, Profile
from wattscan.targets import load_target

_TARGET_SCRAPE_SECONDS = 1.0
# The generator's figures are needed at a phase's edges, and its page is long.
_GENERATOR_SCRAPE_SECONDS = 5.0
_GENERATOR_END_SECONDS = 30.0
_WATCH_SECONDS = 0.5
_CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Options:
    """What `wattscan bench` was asked for."""

    target: str
    profile: str
    scenario: str
    tasks: tuple[str, ...]
    models: Path
    out: Path
    seed: int
    rate: float
    sysfs: Path


def record(options: Options) -> Path:
    """Run; returns the folder with the recording.

    Raises:
        WattscanError: the options are wrong, or a process has ended early.
        KeyboardInterrupt: interrupted; the recording says that it is incomplete.
    """
    target = load_target(options.target)
    tasks = _tasks(options)
    locustfile = _CHECKOUT / "loadtest" / "locustfile.py"
    if not locustfile.is_file():
        raise WattscanError(f"the load generator is not at {locustfile}: run from a checkout")
    started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    folder = _new_folder(options.out, f"{started}-{target.name}-{options.profile}")
    _Run(options, target, tasks, folder, locustfile).go()
    return folder


def _new_folder(out: Path, name: str) -> Path:
    """A folder of its own for the run, also when another one begins in the same second."""
    number = 1
    while True:
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            if not folder.is_dir():
                raise WattscanError(f"cannot write to {out}: {error.strerror}") from None
            number += 1
        else:
            return folder


def _tasks(options: Options) -> tuple[str, ...]:
    cards = find_cards(options.models)
    have = {
        task: {c.precision for c in cards if c.task == task} for task in {c.task for c in cards}
    }
    both = sorted(task for task, precisions in have.items() if precisions == set(PRECISIONS))
    chosen = tuple(dict.fromkeys(options.tasks)) or tuple(both)
    for task in chosen:
        if task not in both:
            raise WattscanError(
                f"{options.models} has no FP32 and INT8 model of {task!r}; "
                f"it has: {', '.join(both)}"
            )
    return chosen


class _Run:
    def __init__(
        self,
        options: Options,
        target: Target,
        tasks: tuple[str, ...],
        folder: Path,
        locustfile: Path,
    ) -> None:
        self._options = options
        self._target = target
        self._tasks = tasks
        self._folder = folder
        self._locustfile = locustfile
        self._progress = Progress()
        self._recorder = Recorder(folder / "recording.om")
        # Variables that are a service's options are not the run's.
        own = {k: v for k, v in os.environ.items() if not k.startswith("WATTSCAN_")}
        self._env = {**own, "PYTHONUNBUFFERED": "1"}

    def go(self) -> None:
        """The whole run. Whatever happens, nothing that it started is left."""
        complete = False
        with ExitStack() as stack:
            self._progress.start()
            stack.callback(self._progress.stop)
            self._announce()
            self._write_images()
            server = self._server()
            stack.callback(server.stop)
            server.start()
            ready = self._ready(server)
            generator = self._generator(ready)
            stack.callback(generator.stop)
            generator.start()
            stack.callback(lambda: self._recorder.stop(complete))
            self._follow(generator, server, ready["metrics"])
            complete = True

    def _announce(self) -> None:
        p = PROFILES[self._options.profile]
        windows = len(self._tasks) * 2 * p.repeats
        self._progress.say(
            f"Measuring {', '.join(self._tasks)} on {self._options.target}, FP32 against INT8: "
            f"{windows} windows, at most {duration(windows * _window_seconds(p))}."
        )

    def _write_images(self) -> None:
        self._progress.say(f"Making {IMAGES} phantom images for each task ...")
        for task in self._tasks:
            write_images(plugins.task(task), self._folder / "images")

    def _server(self) -> Child:
        o = self._options
        command = [sys.executable, "-m", "wattscan", "serve", "--target", o.target]
        command += ["--models", str(o.models), "--sysfs", str(o.sysfs)]
        command += ["--grpc-port", "0", "--metrics-port", "0"]
        return Child("the service", command, self._folder / "serve.log", self._env)

    def _ready(self, server: Child) -> dict[str, Any]:
        self._progress.say("Starting the service ...")
        line = server.line()
        if line is None:
            raise server.failure()
        ready: dict[str, Any] = json.loads(line)
        self._progress.say(
            f"The service answers at {ready['grpc']}, its metrics at {ready['metrics']}"
        )
        return ready

    def _generator(self, ready: Mapping[str, Any]) -> Child:
        o = self._options
        command = [sys.executable, "-m", "locust", "-f", str(self._locustfile), o.scenario]
        command += ["--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "0"]
        command += ["--host", ready["grpc"], "--images", str(self._folder / "images")]
        command += ["--tasks", ",".join(self._tasks), "--run-profile", o.profile]
        command += ["--seed", str(o.seed), "--run-id", self._folder.name]
        # MLPerf's Offline holds as many in flight as the server takes.
        command += ["--rate", str(o.rate), "--in-flight", str(self._target.batching.queue_limit)]
        command += ["--target", ready["target"], "--target-instance", _instance(ready["metrics"])]
        command += ["--target-metrics", ready["metrics"], "--metrics-port", "0"]
        return Child("the load generator", command, self._folder / "loadgen.log", self._env)

    def _follow(self, generator: Child, server: Child, target_page: str) -> None:
        self._recorder.add(_page(target_page, "wattscan-target", _TARGET_SCRAPE_SECONDS))
        self._recorder.start()
        while True:
            event = self._event(generator, server)
            if event["event"] == "ready":
                url = f"http://127.0.0.1:{event['metrics_port']}/metrics"
                self._recorder.add(_page(url, "wattscan-loadgen", _GENERATOR_SCRAPE_SECONDS))
            elif event["event"] == "begin":
                self._progress.phase(event, self._left(event))
            elif event["event"] == "end":
                # The figures of a phase are read at its edge, not up to a second later.
                self._recorder.scrape()
            elif event["event"] == "done":
                break
        if generator.wait(_GENERATOR_END_SECONDS) != 0:
            raise generator.failure()

    def _event(self, generator: Child, server: Child) -> dict[str, Any]:
        """What the generator says next. Raises: WattscanError, as soon as either has ended."""
        while True:
            try:
                line = generator.line(_WATCH_SECONDS)
            except TimeoutError:
                line = ""
            if not server.running:
                raise server.failure()
            if line is None:
                raise generator.failure()
            if line.startswith("{"):
                event: dict[str, Any] = json.loads(line)
                return event

    def _left(self, event: Mapping[str, Any]) -> float:
        p = PROFILES[self._options.profile]
        phases = {"idle": p.idle, "warmup": p.warmup, "load": p.load, "cooldown": p.cooldown}
        order = list(phases)
        rest = sum(phases[phase] for phase in order[order.index(event["phase"]) :])
        return float(rest + (event["of"] - event["window"]) * _window_seconds(p))


def _window_seconds(p: Profile) -> float:
    return p.idle + p.warmup + p.load + p.cooldown


def _page(url: str, job: str, interval: float) -> Page:
    return Page(url, job, _instance(url), interval)


def _instance(url: str) -> str:
    """`host:port`, as Prometheus labels what it scrapes."""
    return url.removeprefix("http://").partition("/")[0]
