"""The command line: the only place where the pieces are put together."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from prometheus_client import CollectorRegistry, disable_created_metrics

from wattscan import __version__, imaging
from wattscan.bench import cli as bench
from wattscan.bench import tuning
from wattscan.collector import cli as collector
from wattscan.collector import compare_cli as comparing
from wattscan.contracts import Target, WattscanError
from wattscan.engine_choice import DEFAULT
from wattscan.installation import locustfile
from wattscan.serving import cli as serving
from wattscan.serving.allocator import keep_large_buffers
from wattscan.serving.compose import make_server
from wattscan.serving.logs import configure, private_stderr
from wattscan.serving.repository.repository import Repository
from wattscan.serving.server import Ports, place
from wattscan.telemetry import cli as telemetry
from wattscan.telemetry.arguments import printable
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.late_sensors import LateSensors
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.unused import unused_names
from wattscan.training import cli as training

log = logging.getLogger("wattscan")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that a user can act on is one line."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.execute
    try:
        return command(options)
    except WattscanError as error:
        print(f"wattscan: {printable(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader has gone (`wattscan ... | head`); nothing more can be said to it.
            _give_up_output()
            return 0
        print(f"wattscan: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        _give_up_output()
        return 2
    except KeyboardInterrupt:
        print("wattscan: interrupted", file=sys.stderr)
        return 130


def _give_up_output() -> None:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # Else the interpreter's end would try once more, and tell of it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wattscan",
        description="What does one medical scan cost on this hardware, in joules, and what does "
        "INT8 save without hurting the diagnosis? Not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"wattscan {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str,
        summary: str,
        description: str,
        add_arguments: Callable[[argparse.ArgumentParser], None],
        run: Callable[[argparse.Namespace], int],
    ) -> None:
        p = commands.add_parser(name, help=summary, description=description)
        p.set_defaults(execute=run)
        add_arguments(p)

    command(
        "bench",
        "measure this machine: serve, load, record, print the energy table",
        "The main job, on one machine with nothing else running: starts the service and the load "
        "generator, records their metrics, and reduces them to tables and a report in "
        "DIR/<run>/.",
        bench.add_arguments,
        bench.run,
    )
    command(
        "serve",
        "serve the models on one target, with metrics",
        "Serves every model of the folder over gRPC, exports Prometheus metrics, and prints one "
        "line of JSON when it is ready. SIGTERM or Ctrl-C drains it.",
        serving.add_serve_arguments,
        _serve,
    )
    command(
        "collect",
        "reduce a recording or a Prometheus server's series to tables",
        "Reduces one run's series to the energy, paper, quality and projections tables.",
        collector.add_arguments,
        collector.run,
    )
    command(
        "compare",
        "what changed between two runs; exit code 1 if something got worse",
        "Prints what changed from RUN_A to RUN_B (model, engine, driver, machine, software, load), "
        "and energy, latency and quality of each task and variant side by side, with the ratio and "
        "its 95 % interval. Exit code 0: nothing is shown to be worse beyond its threshold; 1: "
        "something is; 2: the runs cannot be read or compared. Without an interval, such as of the "
        "quick profile, nothing is shown.",
        comparing.add_arguments,
        comparing.run,
    )
    command(
        "sensors",
        "what this machine can measure, read live, and why not the rest",
        "Reads the target's sensors for a moment and prints what they show, with scope, method and "
        "uncertainty; then why each other sensor is not there. Exit code 1: nothing here gives "
        "power or energy.",
        telemetry.add_arguments,
        telemetry.run,
    )
    command(
        "models",
        "train, quantize, export, check, tune and list models",
        "The model pipeline and its artifacts.",
        _add_model_arguments,
        training.run,
    )
    command(
        "loadtest-path",
        "print where the load generator is, for locust -f",
        "Prints the path of the load generator's file: locust -f $(wattscan loadtest-path) --help "
        "has its options.",
        lambda _: None,
        _loadtest_path,
    )
    command(
        "health",
        "ask a service whether it is serving; exit code 0 if so",
        "Asks the standard gRPC health service. Exit code 0: SERVING; 1: not; 2: no answer.",
        serving.add_health_arguments,
        serving.run_health,
    )
    return parser


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    commands = training.add_arguments(parser)
    tuning.add_arguments(
        commands.add_parser(
            "tune",
            help="find and keep the engine that costs the least on this machine, for each model",
            description="Runs every installed engine that reproduces a model, with one image and "
            "with batches of 4, in turns, and keeps what an image costs in each: processor time, "
            "and joules where a sensor counts them. `serve` and `bench` use the cheapest where the "
            "target's backend is auto, as the CPU's is. Under two minutes for six models; close "
            "everything else first. It holds until a model's file, an engine's version or the "
            "processor changes.",
        )
    )


def _serve(options: argparse.Namespace) -> int:
    signals = _StopSignals()
    try:
        finished = _serve_until(signals, options)
    except KeyboardInterrupt:
        print("wattscan: interrupted before it was ready", file=sys.stderr)
        _leave(130)
    log.info("stopped" if finished else "stopped with requests unfinished: --grace was too short")
    _leave(0 if finished else 1)


def _serve_until(signals: _StopSignals, options: argparse.Namespace) -> bool:
    """Whether all requests were finished. Raises: KeyboardInterrupt: stopped before it served."""
    # Decoders' warnings quote headers, patients' names among them.
    warnings.simplefilter("ignore")
    private_stderr()
    configure(options.log_format)
    _forbid_core_dumps()
    keep_large_buffers()
    target = serving.chosen_target(options.target, options.backend)
    _warn_if_open(options)
    found = discover(target, options.sysfs)
    for name, reason in found.absent.items():
        log.info("sensor %s is not used: %s", name, reason)
    for choice in found.awaited:
        if choice.name in found.absent:
            log.warning("sensor %s may come yet: it is looked for again and again", choice.name)
    for each in found.sensors:
        log.info("sensor %s is used", each.sensor.name)
    models = Repository(options.models, target)
    ledger = Ledger()
    sampler = Sampler(found.sensors, target.sample_interval, ledger)
    late_sensors = LateSensors(found.awaited, options.sysfs, sampler)
    # Options that are wrong are told before models take their time.
    server = make_server(options, target, models, ledger, _registry(target, ledger, sampler))
    # Before the models: what they take to load moves the power of their device, which proves it.
    sampler.start()
    try:
        models.load_all()
        _tell_untuned(models)
        sampler.begin_anew()
        for notice in unused_names(sampler):
            log.warning("%s", notice)
        late_sensors.start()
        ports = Ports(options.address, options.grpc_port, options.metrics_port)
        scheme = "http" if options.tls_cert is None else "https"
        listening = server.start(ports)
        signals.drain_from_now_on()
        _say_ready(target, models, listening, scheme)
        signals.wait()
        log.info("draining")
        return server.stop(options.grace)
    finally:
        late_sensors.stop()
        sampler.stop()
        imaging.close()


def _tell_untuned(models: Repository) -> None:
    untuned = sorted({model.name for model in models if model.untuned})
    if untuned:
        log.info(
            "not tuned on this machine, and therefore in %s if that is installed: %s. `wattscan "
            "models tune` finds the engine that costs the least",
            *(DEFAULT, ", ".join(untuned)),
        )


def _leave(code: int) -> NoReturn:
    # The interpreter's own end waits for threads, and one may be in an engine that hangs.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _forbid_core_dumps() -> None:
    # One would hold patients' images.
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _warn_if_open(options: argparse.Namespace) -> None:
    missing = [
        name
        for name, given in (
            ("TLS", options.tls_cert),
            ("a token", options.tokens or options.tls_client_ca),
        )
        if given is None
    ]
    if not serving.is_loopback(options.address) and missing:
        log.warning("listening on %s without %s", options.address, " or ".join(missing))


class _StopSignals:
    """SIGTERM and SIGINT: they interrupt the start, and end the wait of a service that is ready."""

    def __init__(self) -> None:
        # A byte in a pipe: a handler that sets an event could be interrupted by another one and
        # lose it, and blocked signals reach the threads that libraries have started.
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._interrupt = True
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def drain_from_now_on(self) -> None:
        """The start is over."""
        self._interrupt = False

    def wait(self) -> None:
        """Until the first signal, from the beginning on."""
        os.read(self._reader, 1)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        # Once: a second signal would interrupt what the first has begun to end.
        if self._interrupt:
            self._interrupt = False
            raise KeyboardInterrupt


def _registry(target: Target, ledger: Ledger, sampler: Sampler) -> CollectorRegistry:
    disable_created_metrics()  # the contract has no `_created` series
    registry = CollectorRegistry()
    registry.register(TelemetryCollector(target, sampler, ledger))
    return registry


def _say_ready(target: Target, models: Repository, ports: Ports, scheme: str) -> None:
    ready = {
        "target": target.name,
        "models": sorted({model.name for model in models}),
        "grpc": place(ports.address, ports.grpc),
        "metrics": f"{scheme}://{place(ports.address, ports.metrics)}/metrics",
    }
    print(json.dumps(ready), flush=True)


def _loadtest_path(_: argparse.Namespace) -> int:
    print(locustfile())
    return 0
