"""Wattscan's load generator: drives a whole run against one target, and exports what it saw.

    locust -f loadtest/locustfile.py --headless --host 127.0.0.1:8001 SingleStream \\
        --images DIR --run-profile quick

Its `/metrics` page has the phases, the queries and their latencies, as the metric contract says.
"""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import gevent
import grpc
import grpc.experimental.gevent
from locust import events
from locust.env import Environment

# Locust imports this file by its path, whatever the work folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

from prometheus_client import CollectorRegistry, start_http_server

from loadtest.client import Client, ServedTask
from loadtest.conductor import Conductor
from loadtest.ledger import Ledger
from loadtest.plan import Plan, Window
from loadtest.scenarios import MultiStream, Offline, Scenario, Server, SingleStream
from loadtest.thermometer import Thermometer
from loadtest.workload import WorkloadError, load_workload
from wattscan.addresses import grpc_proxy_told
from wattscan.metrics import DEFAULT_REFERENCE, PROFILES

__all__ = ["MultiStream", "Offline", "Server", "SingleStream"]

# Before any channel: makes gRPC's waits yield to other greenlets.
grpc.experimental.gevent.init_gevent()


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    """Options of a run."""
    group = parser.add_argument_group("Wattscan run")
    add = group.add_argument
    add("--images", required=True, metavar="DIR", help="images to send, in DIR/<task>/")
    add(
        "--tasks", default="", help="comma-separated; all that the server has and DIR has images of"
    )
    add(
        "--variants",
        action="append",
        default=[],
        metavar="[TASK=]NAMES",
        help="comma-separated, of each task, or of that task alone; may be repeated (default all "
        "that the server has)",
    )
    add(
        "--reference",
        default=DEFAULT_REFERENCE,
        help="the variant that the others are compared with (default %(default)s)",
    )
    add("--run-profile", choices=sorted(PROFILES), default="quick", help="how long, how often")
    add("--seed", type=int, default=2022, help="of the image order and the arrivals")
    add("--run-id", default="", help="the run's id; made up unless given")
    add("--target", default="cpu", help="the target's name, for labels")
    add("--target-instance", default="", help="the instance label of the target's series")
    add(
        "--target-metrics", default="", metavar="URL", help="the target's page, to see it cool down"
    )
    add("--parts", type=int, default=1, help="in how many parts the run is made, with this one")
    add(
        "--done",
        type=Path,
        metavar="FILE",
        help="windows that are measured already, as TASK PRECISION REPEAT a line: left out",
    )
    add("--rate", type=float, default=20.0, help="queries a second (Server)")
    add("--in-flight", type=int, default=32, help="images in flight (Offline), at most (Server)")
    add("--metrics-port", type=int, default=8003, help="of this generator's page; 0: a free one")
    add("--metrics-address", default="127.0.0.1", help="of this generator's page")


@events.test_start.add_listener
def start(environment: Environment, **_: Any) -> None:
    """Prepare the run and let it begin."""
    options: Any = environment.parsed_options
    try:
        address = environment.host or "127.0.0.1:8001"
        client = Client(address, environment)
        served = client.served()
        plan = _plan(options, served, environment)
        Scenario.workloads = {
            (task, variant): load_workload(
                Path(options.images), task, variant, served[task].kind, options.seed
            )
            for task, variants in plan.variants.items()
            for variant in variants
        }
    except grpc.RpcError as error:
        code = error.code().name
        _give_up(f"the server at {address} does not answer{grpc_proxy_told(address)}: {code}")
    except WorkloadError as error:
        _give_up(str(error))
    ledger = Ledger(plan)
    conductor = Conductor(plan, ledger, Thermometer(options.target_metrics or None))
    Scenario.conductor, Scenario.client = conductor, client
    Scenario.rate, Scenario.in_flight = options.rate, options.in_flight
    _serve(ledger, options.metrics_address, options.metrics_port)
    conducting = gevent.spawn(conductor.run, environment.runner.quit)  # type: ignore[union-attr]
    conducting.link_exception(partial(_end, environment))


def _end(environment: Environment, conducting: gevent.Greenlet[Any]) -> None:
    """The run has failed: users would wait for it for ever. gevent prints the traceback."""
    print(f"wattscan load: the run ended early: {conducting.exception!r}", file=sys.stderr)
    environment.process_exit_code = 1
    environment.runner.quit()  # type: ignore[union-attr]


def _plan(options: Any, served: dict[str, ServedTask], environment: Environment) -> Plan:
    present = [task for task in sorted(served) if (Path(options.images) / task).is_dir()]
    tasks = _names(options.tasks) or present
    unknown = sorted(set(tasks) - set(served))
    if unknown or not tasks:
        every = ", ".join(sorted(served))
        raise WorkloadError(
            f"the server does not serve {', '.join(unknown)}; it serves: {every}"
            if unknown
            else f"{options.images} has no folder for any task that is served: {every}"
        )
    named = {text.rpartition("=")[0] for text in options.variants} - {""}
    if named - set(tasks):
        raise WorkloadError(
            f"--variants names {', '.join(sorted(named - set(tasks)))}, and the run has the tasks "
            f"{', '.join(tasks)}"
        )
    return Plan(
        run=options.run_id or uuid.uuid4().hex[:12],
        target=options.target,
        target_instance=options.target_instance,
        profile_name=options.run_profile,
        scenario=environment.user_classes[0].__name__,
        seed=options.seed,
        variants={task: _variants(options, task, served[task].variants) for task in tasks},
        reference=options.reference,
        parts=options.parts,
        done=_done(options.done),
    )


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name for name in text.split(",") if name))


def _variants(options: Any, task: str, served: Sequence[str]) -> tuple[str, ...]:
    """Those to measure of a task, the reference first. Raises: WorkloadError."""
    texts = [text.rpartition("=") for text in options.variants]
    of_task, of_all = ([n for t, _, n in texts if t == name] for name in (task, ""))
    asked = _names(",".join(of_task or of_all)) or sorted(served)
    missing = [name for name in dict.fromkeys([options.reference, *asked]) if name not in served]
    if missing:
        raise WorkloadError(
            f"the server has no {' and no '.join(missing)} of {task}; it has: "
            f"{', '.join(sorted(served))}. --variants names those to measure, --reference the one "
            "that the others are compared with"
        )
    return tuple(dict.fromkeys([options.reference, *asked]))


def _done(file: Path | None) -> frozenset[Window]:
    """Raises: WorkloadError."""
    if file is None:
        return frozenset()
    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
        return frozenset(Window(task, precision, int(repeat)) for task, precision, repeat in lines)
    except OSError as error:
        raise WorkloadError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise WorkloadError(f"{file} must have TASK PRECISION REPEAT in each line") from None


def _serve(ledger: Ledger, address: str, port: int) -> None:
    registry = CollectorRegistry()
    registry.register(ledger)
    server, _ = start_http_server(port, address, registry)
    print(f'{{"event": "ready", "metrics_port": {server.server_port}}}', flush=True)


def _give_up(why: str) -> NoReturn:
    # Locust has not begun yet, so it cannot be asked to quit.
    print(f"wattscan load: {why}", file=sys.stderr, flush=True)
    sys.exit(2)
