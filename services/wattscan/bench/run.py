"""One run on one machine: starts the service and the generator, records both, reduces."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from wattscan import __version__, plugins
from wattscan.bench.awaiting import wait_for_source
from wattscan.bench.engines import settle, target_of
from wattscan.bench.lock import locked
from wattscan.bench.models import Models, check_engine, check_same, models_of
from wattscan.bench.page import read_page
from wattscan.bench.preflight import look
from wattscan.bench.processes import Child
from wattscan.bench.progress import Progress, duration
from wattscan.bench.record import Record, read_record, write_record
from wattscan.bench.recorder import Page, Recorder
from wattscan.bench.resume import Past, complete, read_past
from wattscan.bench.variants import choose
from wattscan.bench.workload import IMAGES, write_images
from wattscan.collector.run_folder import RECORDING, WARNINGS
from wattscan.contracts import Target, WattscanError
from wattscan.installation import locustfile, program
from wattscan.metrics import DEFAULT_REFERENCE, MODEL_INFO, PROFILES

_TARGET_SCRAPE_SECONDS = 1.0
# The generator's figures are needed at a phase's edges, and its page is long.
_GENERATOR_SCRAPE_SECONDS = 5.0
_GENERATOR_END_SECONDS = 30.0
_WATCH_SECONDS = 0.5
# What `wattscan.collector.report.write` writes last.
_REPORT = "report.html"


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
    backend: str = ""
    variants: tuple[str, ...] = ()
    reference: str = DEFAULT_REFERENCE


def record(options: Options, held: ExitStack) -> Path:
    """Run; returns the folder with the recording, which stays locked until `held` is closed.

    Raises:
        WattscanError: the options are wrong, this machine can give no figure, or a process has
            ended early.
        KeyboardInterrupt: interrupted; the recording says that it is incomplete.
    """
    target = target_of(options.target, options.backend)
    variants = choose(options.models, options.tasks, options.variants, options.reference)
    asked = Record(
        # A file of the user's may lie elsewhere when the run goes on.
        target=str(Path(options.target).absolute())
        if options.target.endswith(".toml")
        else options.target,
        profile=options.profile,
        scenario=options.scenario,
        tasks=tuple(variants),
        models=str(options.models.absolute()),
        seed=options.seed,
        rate=options.rate,
        sysfs=str(options.sysfs.absolute()),
        backend=options.backend,
        variants=variants,
        reference=options.reference,
    )
    progress = Progress()
    warnings = _announce(progress, target, asked, options.out, Past(""))
    started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    folder = _new_folder(options.out, f"{started}-{target.name}-{options.profile}")
    held.enter_context(locked(folder))
    held.push(partial(_tell_if_interrupted, folder))
    asked = replace(asked, run=folder.name, version=__version__)
    # From here on the run can go on, wherever it is cut short.
    write_record(folder, asked)
    _keep_warnings(folder, "When the run began", warnings)
    progress.say(f"The run's folder: {folder}")
    _Run(target, asked, folder, progress, Past(folder.name)).go()
    return folder


def resume(folder: Path, held: ExitStack) -> None:
    """Measure the windows that a run cut short has left out, into the same recording.

    Where they are all there, only the recording's end is written. The folder stays locked until
    `held` is closed.

    Raises: as `record`; WattscanError also where nothing is missing, or the run is still going on.
    """
    read_record(folder)  # a folder that is no run's gets no lock
    held.enter_context(locked(folder))
    held.push(partial(_tell_if_interrupted, folder))
    asked = read_record(folder)
    past = read_past(folder, asked)
    asked = replace(asked, run=past.run, parts=past.parts + 1)
    if len(past.done) == _windows(asked):
        _finish(folder, replace(asked, parts=past.parts), past)
        return
    target = target_of(asked.target, asked.backend)
    try:
        for task, variants in asked.measured.items():
            choose(Path(asked.models), (task,), variants, asked.reference)
    except WattscanError as error:
        raise WattscanError(f"the run in {folder} cannot go on: {error}") from None
    progress = Progress()
    warnings = _announce(progress, target, asked, folder, past)
    _keep_warnings(folder, f"When part {asked.parts} began", warnings)
    progress.say(f"The run's folder: {folder}")
    _Run(target, asked, folder, progress, past).go()


def _finish(folder: Path, asked: Record, past: Past) -> None:
    """Every window is there. Raises: WattscanError: so is the rest."""
    if past.complete and (folder / _REPORT).is_file():
        raise WattscanError(f"the run in {folder} is complete: nothing is missing")
    write_record(folder, asked)
    if not past.complete:
        complete(folder / RECORDING)


def how_to_go_on(folder: Path) -> str:
    """How a run that was cut short goes on: what is missing, and the command.

    Raises: WattscanError: the folder is no run's.
    """
    asked = read_record(folder)
    missing = _windows(asked) - len(read_past(folder, asked).done)
    verb = "is" if missing == 1 else "are"
    what = f"{missing} of {_windows(asked)} windows {verb}" if missing else "Only the report is"
    own = Path(sys.argv[0])
    name = str(own) if own.name == "wattscan" else program()
    words = [name, "bench", "--resume", str(folder)]
    return f"{what} missing. To go on: {shlex.join(words)}"


def _tell_if_interrupted(
    folder: Path, kind: type[BaseException] | None, _error: BaseException | None, _trace: object
) -> None:
    if kind is not None and issubclass(kind, KeyboardInterrupt):
        # A record that cannot be read any more is told by whoever resumes.
        with suppress(WattscanError, OSError):
            print(how_to_go_on(folder), file=sys.stderr)


def _keep_warnings(folder: Path, when: str, warnings: Sequence[str]) -> None:
    """Beside the recording: the report shows them. Raises: OSError."""
    if warnings:
        with (folder / WARNINGS).open("a", encoding="utf-8") as file:
            file.writelines(f"{when}: {warning}\n" for warning in warnings)


def _announce(
    progress: Progress, target: Target, asked: Record, out: Path, past: Past
) -> tuple[str, ...]:
    """Say what is to be measured, and what this machine can give; returns the warnings.

    Raises: WattscanError: it can give nothing.
    """
    profile = PROFILES[asked.profile]
    windows = _windows(asked) - len(past.done)
    outlook = look(target, Path(asked.sysfs), out, profile, windows)
    progress.say(outlook.paragraph)
    there = f"{len(past.done)} of {_windows(asked)} windows are there already; "
    kept = there if past.done else ""
    progress.say(
        f"Measuring {', '.join(asked.tasks)} on {target.name}, {_against(asked)}: {kept}"
        f"{windows} window{'s' * (windows != 1)}, at most "
        f"{duration(windows * profile.window_seconds)}."
    )
    return outlook.warnings


def _windows(asked: Record) -> int:
    return sum(map(len, asked.measured.values())) * PROFILES[asked.profile].repeats


def _against(asked: Record) -> str:
    """Such as `FP32 against INT8`."""
    every = dict.fromkeys(name for names in asked.measured.values() for name in names)
    others = [name.upper() for name in every if name != asked.reference]
    return " against ".join([asked.reference.upper(), *([", ".join(others)] if others else [])])


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


class _Run:
    """One part of a run; `past` is what earlier parts have left."""

    def __init__(
        self, target: Target, asked: Record, folder: Path, progress: Progress, past: Past
    ) -> None:
        self._target = target
        self._asked = asked
        self._folder = folder
        self._past = past
        self._progress = progress
        self._recorder = Recorder(folder / RECORDING)
        # Variables that are a service's options are not the run's.
        own = {k: v for k, v in os.environ.items() if not k.startswith("WATTSCAN_")}
        self._env = {**own, "PYTHONUNBUFFERED": "1"}

    def go(self) -> None:
        """The whole part. Whatever happens, nothing that it started is left."""
        is_complete = False
        with ExitStack() as stack:
            self._progress.start()
            stack.callback(self._progress.stop)
            self._settle_engines()
            self._write_images()
            server = self._server()
            stack.callback(server.stop)
            server.start()
            ready = self._ready(server)
            served = _served_models(ready["metrics"])
            measured = self._asked.measured
            check_engine(served, self._asked.backend, measured)
            check_same(self._past.models, served, measured, f"the run in {self._folder}")
            instance = self._asked.target_instance or _instance(ready["metrics"])
            self._asked = replace(self._asked, target_instance=instance)
            write_record(self._folder, self._asked)
            wait_for_source(ready["metrics"], self._progress.say, lambda: server.running)
            generator = self._generator(ready)
            stack.callback(generator.stop)
            generator.start()
            stack.callback(lambda: self._recorder.stop(is_complete))
            self._follow(generator, server, ready["metrics"])
            is_complete = True

    def _settle_engines(self) -> None:
        settled = settle(self._asked, self._target, self._progress.say)
        self._asked = replace(self._asked, backend=settled.backend)
        for warning in settled.warnings:
            self._progress.say(f"Warning: {warning}")
        _keep_warnings(self._folder, "Before the run", settled.warnings)

    def _write_images(self) -> None:
        self._progress.say(f"Making {IMAGES} phantom images for each task ...")
        for task in self._asked.tasks:
            write_images(plugins.task(task), self._folder / "images")

    def _server(self) -> Child:
        asked = self._asked
        command = [sys.executable, "-m", "wattscan", "serve", "--target", asked.target]
        command += ["--models", asked.models, "--sysfs", asked.sysfs]
        command += ["--grpc-port", "0", "--metrics-port", "0"]
        if asked.backend:
            command += ["--backend", asked.backend]
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
        asked = self._asked
        command = [sys.executable, "-m", "locust", "-f", str(locustfile()), asked.scenario]
        command += ["--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "0"]
        command += ["--host", ready["grpc"], "--images", str(self._folder / "images")]
        command += ["--tasks", ",".join(asked.tasks), "--run-profile", asked.profile]
        for task, variants in asked.measured.items():
            command += ["--variants", f"{task}={','.join(variants)}"]
        command += ["--reference", asked.reference]
        command += ["--seed", str(asked.seed), "--run-id", asked.run]
        # MLPerf's Offline holds as many in flight as the server takes.
        command += [
            "--rate",
            str(asked.rate),
            "--in-flight",
            str(self._target.batching.queue_limit),
        ]
        command += ["--target", ready["target"], "--target-instance", asked.target_instance]
        command += ["--target-metrics", ready["metrics"], "--metrics-port", "0"]
        command += ["--parts", str(asked.parts)]
        if self._past.done:
            done = self._folder / "done.txt"
            done.write_text("".join(f"{' '.join(key)}\n" for key in sorted(self._past.done)))
            command += ["--done", str(done)]
        return Child("the load generator", command, self._folder / "loadgen.log", self._env)

    def _follow(self, generator: Child, server: Child, target_page: str) -> None:
        self._recorder.start()
        here = self._asked.target_instance
        self._recorder.add(Page(target_page, "wattscan-target", here, _TARGET_SCRAPE_SECONDS))
        while True:
            event = self._event(generator, server)
            if event["event"] == "ready":
                self._add_generator(f"http://127.0.0.1:{event['metrics_port']}/metrics")
            elif event["event"] == "begin":
                self._progress.phase(event, self._left(event))
            elif event["event"] == "end":
                # The figures of a phase are read at its edge, not up to a second later.
                self._recorder.scrape()
            elif event["event"] == "done":
                break
        if generator.wait(_GENERATOR_END_SECONDS) != 0:
            raise generator.failure()

    def _add_generator(self, url: str) -> None:
        instance = self._asked.generator_instance or _instance(url)
        self._asked = replace(self._asked, generator_instance=instance)
        write_record(self._folder, self._asked)
        self._recorder.add(Page(url, "wattscan-loadgen", instance, _GENERATOR_SCRAPE_SECONDS))

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
        p = PROFILES[self._asked.profile]
        phases = {"idle": p.idle, "warmup": p.warmup, "load": p.load, "cooldown": p.cooldown}
        order = list(phases)
        rest = sum(phases[phase] for phase in order[order.index(event["phase"]) :])
        return float(rest + (event["of"] - event["window"]) * p.window_seconds)


def _served_models(page: str) -> Models:
    """Raises: WattscanError."""
    return models_of(s.labels for s in read_page(page) if s.name == MODEL_INFO.name)


def _instance(url: str) -> str:
    """`host:port`, as Prometheus labels what it scrapes."""
    return url.removeprefix("http://").partition("/")[0]
