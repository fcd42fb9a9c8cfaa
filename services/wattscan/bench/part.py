"""One part of a run: the service, the generator, and the recorder of both."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prometheus_client.samples import Sample

from wattscan.bench.awaiting import wait_for_source
from wattscan.bench.engines import settle
from wattscan.bench.models import Models, check_engine, check_same, models_of
from wattscan.bench.page import read_page
from wattscan.bench.processes import Child
from wattscan.bench.progress import Progress
from wattscan.bench.record import Record, write_record
from wattscan.bench.recorder import Recorder, ScrapedPage
from wattscan.bench.resume import Past
from wattscan.bench.service import (
    INSTALLED,
    Code,
    DistantService,
    MeasuredService,
    OwnService,
    Reached,
)
from wattscan.client.options import tls_of_words
from wattscan.collector.run_folder import RECORDING, WARNINGS
from wattscan.contracts import Target, WattscanError
from wattscan.installation import locustfile
from wattscan.metrics import MODEL_INFO
from wattscan.profiles import COOLDOWN, IDLE, LOAD, PHASES, PROFILES, WARM_UP
from wattscan.workload_files import write_workload

_TARGET_SCRAPE_SECONDS = 1.0
# The generator's figures are needed at a phase's edges, and its page is long.
_GENERATOR_SCRAPE_SECONDS = 5.0
_GENERATOR_END_SECONDS = 30.0
_WATCH_SECONDS = 0.5
# Beside what the generator says that it does, for what it does without saying: making requests,
# waiting for the last answers, for the last scrapes.
_SLACK_SECONDS = 300.0
# As the load generator's: a load phase that waits for its least number of queries lasts at most so
# many times its length; a search for the highest rate has so many trials, each of at most so many
# seconds; what is open at a load's end is waited for.
_MOST_TIMES, _TRIALS, _TRIAL_SECONDS, _DRAIN_SECONDS = 10, 24, 600.0, 60.0


@dataclass(frozen=True)
class Setup:
    """A run that is ready to be measured. `target` is that of a service that is started here, with
    the code `code`."""

    target: Target | None
    asked: Record
    folder: Path
    progress: Progress
    code: Code = INSTALLED


class Part:
    """One part of a run; `past` is what earlier parts have left."""

    def __init__(self, setup: Setup, past: Past) -> None:
        self._target = setup.target
        self._asked = setup.asked
        self._folder = setup.folder
        self._code = setup.code
        self._past = past
        self._progress = setup.progress
        self._tls = tls_of_words(setup.asked.generator) if setup.asked.endpoint else None
        self._recorder = Recorder(setup.folder / RECORDING)
        self._doing = "the load generator to begin"
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
            service = self._service()
            stack.callback(service.stop)
            reached = service.start()
            self._check(reached)
            wait_for_source(
                lambda: read_page(reached.metrics, self._tls),
                self._progress.say,
                lambda: service.running,
            )
            generator = self._generator(reached)
            stack.callback(generator.stop)
            generator.start()
            stack.callback(lambda: self._recorder.stop(is_complete))
            self._follow(generator, service, reached.metrics)
            is_complete = True

    def _service(self) -> MeasuredService:
        if self._asked.endpoint:
            return DistantService(self._asked, self._progress.say)
        log = self._folder / "serve.log"
        return OwnService(self._asked, log, self._code, self._env, self._progress.say)

    def _settle_engines(self) -> None:
        if self._target is None or self._asked.load.models:
            return
        settled = settle(self._asked, self._target, self._progress.say)
        self._asked = replace(self._asked, backend=settled.backend)
        for warning in settled.warnings:
            self._progress.say(f"Warning: {warning}")
        keep_warnings(self._folder, "Before the run", settled.warnings)

    def _check(self, reached: Reached) -> None:
        served = _served_models(read_page(reached.metrics, self._tls))
        measured = self._asked.measured
        check_engine(served, self._asked.backend, measured)
        check_same(self._past.models, served, measured, f"the run in {self._folder}")
        instance = self._asked.target_instance or _instance(reached.metrics)
        self._asked = replace(self._asked, target_instance=instance)
        write_record(self._folder, self._asked)

    def _generator(self, reached: Reached) -> Child:
        asked = self._asked
        workload = self._folder / "workload.toml"
        load = asked.load
        if not load.in_flight and self._target is not None:
            # MLPerf's Offline holds as many in flight as the server takes.
            load = replace(load, in_flight=self._target.batching.queue_limit)
        write_workload(load, workload)
        command = [sys.executable, "-m", "locust", "-f", str(locustfile())]
        command += ["--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "0"]
        command += ["--host", reached.grpc, "--workload", str(workload)]
        for task, variants in asked.variants.items():
            command += ["--variants", f"{task}={','.join(variants)}"]
        command += ["--run-id", asked.run, "--target", reached.target]
        command += ["--target-instance", asked.target_instance]
        command += ["--target-metrics", reached.metrics, "--metrics-port", "0"]
        command += ["--parts", str(asked.parts), *asked.generator]
        for task, rate in asked.rates.items():
            command += ["--found-rate", f"{task}={rate!r}"]
        if self._past.done:
            done = self._folder / "done.txt"
            done.write_text("".join(f"{' '.join(key)}\n" for key in sorted(self._past.done)))
            command += ["--done", str(done)]
        return Child("the load generator", command, self._folder / "loadgen.log", self._env)

    def _follow(self, generator: Child, service: MeasuredService, target_page: str) -> None:
        self._recorder.start()
        here = self._asked.target_instance
        page = ScrapedPage(target_page, "wattscan-target", here, _TARGET_SCRAPE_SECONDS, self._tls)
        self._recorder.add(page)
        limit = time.monotonic() + _SLACK_SECONDS
        while True:
            event = self._event(generator, service, limit)
            if event["event"] == "ready":
                limit = time.monotonic() + self._longest()
                self._add_generator(f"http://127.0.0.1:{event['metrics_port']}/metrics")
            elif event["event"] == "begin":
                self._doing = "{phase} of {task} {precision}, repeat {repeat}".format(**event)
                self._progress.phase(event, self._left(event))
            elif event["event"] == "trial":
                self._tell_trial(event)
            elif event["event"] == "rate":
                rates = {**self._asked.rates, event["task"]: event["rate"]}
                self._asked = replace(self._asked, rates=rates)
                write_record(self._folder, self._asked)
            elif event["event"] == "end":
                # The figures of a phase are read at its edge, not up to a second later.
                self._recorder.scrape()
            elif event["event"] == "done":
                break
        if generator.wait(_GENERATOR_END_SECONDS) != 0:
            raise generator.failure()

    def _longest(self) -> float:
        """Seconds after which the run hangs, whatever it does."""
        load, profile = self._asked.load, PROFILES[self._asked.profile]
        variants, phase = sum(map(len, self._asked.measured.values())), self._asked.load_seconds
        times = _MOST_TIMES if load.min_queries else 1
        window = profile.window_seconds - profile.load + phase * times + _DRAIN_SECONDS
        search = variants * _TRIALS * (max(_TRIAL_SECONDS, phase) + _DRAIN_SECONDS)
        return _SLACK_SECONDS + variants * profile.repeats * window + search * load.find_rate

    def _tell_trial(self, event: Mapping[str, Any]) -> None:
        told = {True: "kept", False: "missed", None: "not judged"}[event["kept"]]
        self._doing = f"the search for the highest rate of {event['task']} {event['precision']}"
        self._progress.say(
            f"{event['task']} {event['precision'].upper()} at {event['rate']:.4g} queries/s: the "
            f"latency bound is {told} ({event['over']} of {event['queries']} queries beyond it)"
        )

    def _add_generator(self, url: str) -> None:
        instance = self._asked.generator_instance or _instance(url)
        self._asked = replace(self._asked, generator_instance=instance)
        write_record(self._folder, self._asked)
        page = ScrapedPage(url, "wattscan-loadgen", instance, _GENERATOR_SCRAPE_SECONDS)
        self._recorder.add(page)

    def _event(self, generator: Child, service: MeasuredService, limit: float) -> dict[str, Any]:
        """What the generator says next. Raises: WattscanError, as soon as either has ended, or the
        run has lasted longer than it can."""
        while True:
            try:
                line = generator.line(_WATCH_SECONDS)
            except TimeoutError:
                line = ""
            if not service.running:
                raise service.failure()
            if line is None:
                raise generator.failure()
            if line.startswith("{"):
                event: dict[str, Any] = json.loads(line)
                return event
            if time.monotonic() > limit:
                raise WattscanError(
                    f"the run has lasted longer than it can: it waited for {self._doing}; the load "
                    f"generator's log is {self._folder / 'loadgen.log'}"
                )

    def _left(self, event: Mapping[str, Any]) -> float:
        p, load = PROFILES[self._asked.profile], self._asked.load_seconds
        phases = {IDLE: p.idle, WARM_UP: p.warmup, LOAD: load, COOLDOWN: p.cooldown}
        rest = sum(phases[phase] for phase in PHASES[PHASES.index(event["phase"]) :])
        return float(rest + (event["of"] - event["window"]) * sum(phases.values()))


def keep_warnings(folder: Path, when: str, warnings: Sequence[str]) -> None:
    """Beside the recording: the report shows them. Raises: OSError."""
    if warnings:
        with (folder / WARNINGS).open("a", encoding="utf-8") as file:
            file.writelines(f"{when}: {warning}\n" for warning in warnings)


def _served_models(page: Sequence[Sample]) -> Models:
    return models_of(s.labels for s in page if s.name == MODEL_INFO.name)


def _instance(url: str) -> str:
    """`host:port`, as Prometheus labels what it scrapes."""
    return url.partition("://")[2].partition("/")[0]
