"""`wattscan serve`: one target's models, its sensors and its metrics page, until it is stopped."""

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
from types import FrameType
from typing import NoReturn

from prometheus_client import CollectorRegistry, disable_created_metrics

from wattscan import imaging
from wattscan.contracts import Target
from wattscan.engine_choice import DEFAULT
from wattscan.serving import cli as serving
from wattscan.serving.allocator import keep_large_buffers
from wattscan.serving.compose import make_server
from wattscan.serving.logs import configure, private_stderr
from wattscan.serving.repository.repository import Repository
from wattscan.serving.server import Ports, place
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import Found, discover
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.late_sensors import LateSensors
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.unused import unused_names

log = logging.getLogger("wattscan")


def serve(options: argparse.Namespace) -> int:
    """`wattscan serve`: the exit code ends the process."""
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
    _tell_of_sensors(found)
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
        imaging.prepare()
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


def _tell_of_sensors(found: Found) -> None:
    for name, reason in found.absent.items():
        log.info("sensor %s is not used: %s", name, reason)
    for choice in found.awaited:
        if choice.name in found.absent:
            log.warning("sensor %s may come yet: it is looked for again and again", choice.name)
    for each in found.sensors:
        log.info("sensor %s is used", each.sensor.name)


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
