"""Leads the runs of a process: the master's, or the only one's."""

from __future__ import annotations

import logging
import sys
import uuid
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gevent
import grpc
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner

from loadtest.choose import choose
from loadtest.conductor import Conductor
from loadtest.connection import told
from loadtest.crew import Crew
from loadtest.ledger import RunLedger
from loadtest.member import address_of, connect
from loadtest.options import with_reference
from loadtest.page import MetricsPage, rows_of, show_progress
from loadtest.plan import Plan, PlannedWindow
from loadtest.protocols import PROTOCOLS
from loadtest.sender import COUNTED, PREPARED, REFUSED, described
from loadtest.thermometer import Thermometer
from wattscan.client.options import tls_of
from wattscan.contracts import WattscanError
from wattscan.workload_files import last_due
from wattscan.workload_options import one_scenario, workload_of
from wattscan.workloads import IN_FLIGHT

log = logging.getLogger(__name__)


class Leader:
    """Begins a run when Locust begins a test, and ends Locust's test when the run ends."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._options: Any = environment.parsed_options or Namespace()
        self._runner: Any = environment.runner
        self._crew = Crew(environment)
        self._page: MetricsPage | None = None
        self._conductor: Conductor | None = None
        self._conducting: gevent.Greenlet[None] | None = None
        self._runs: list[str] = []
        self._trouble = ""

    def register(self) -> None:
        """Serve the metrics page and take messages. Raises: WattscanError: its port is taken."""
        self._page = MetricsPage(self._options.metrics_address, self._options.metrics_port)
        crew = self._crew
        for kind, note in (
            (PREPARED, crew.note_prepared),
            (COUNTED, crew.note_counted),
            (REFUSED, crew.note_refused),
        ):
            self._runner.register_message(kind, _passed_to(note))
        if self._environment.web_ui is not None:
            show_progress(self._environment.web_ui, self._rows)
        elif self._options.workload:
            self._name_scenario()

    def begin(self) -> None:
        """A run. Where it cannot begin, the reason is told, and Locust's test ends."""
        self._trouble = ""
        try:
            self._conductor = self._prepared()
        except WattscanError as error:
            self._give_up(str(error))
            return
        except Exception as error:  # Locust would go on without a run
            log.exception("the run cannot begin")
            self._give_up(f"the run cannot begin: {error!r}")
            return
        self._conducting = gevent.spawn(self._conductor.run)
        self._conducting.link(lambda ended: gevent.spawn(self._end, ended))

    def stop(self) -> None:
        """Locust's test ends: so does the run, if it still goes on."""
        conducting, self._conducting = self._conducting, None
        if conducting is not None and not conducting.ready():
            self._trouble = "it was stopped" if self._crew.members else "every worker is gone"
            print(f"wattscan load: the run ended early: {self._trouble}", file=sys.stderr)
            self._environment.process_exit_code = 1
            conducting.unlink_all()
            conducting.kill(block=False)
            if self._options.headless and not self._crew.members:
                gevent.spawn(self._runner.quit)
        self._crew.forget()

    def _name_scenario(self) -> None:
        """Have Locust's own lines name the workload's scenario alone."""
        classes = self._environment.user_classes
        with suppress(WattscanError):  # told when the run begins
            scenario = workload_of(self._options, self._scenario()).scenario
            self._environment.user_classes = [c for c in classes if c.__name__ == scenario]

    def _scenario(self) -> str | None:
        names = [each.__name__ for each in self._environment.user_classes]
        return one_scenario(names, bool(self._options.workload))

    def _prepared(self) -> Conductor:
        environment, options = self._environment, self._options
        workload = workload_of(options, self._scenario())
        address = address_of(environment)
        connection = connect(environment, address, 1)
        try:
            served = PROTOCOLS[workload.protocol](connection).subjects()
        except grpc.RpcError as error:
            raise WattscanError(told(address, error)) from None
        finally:
            connection.close()
        chosen = choose(options, workload, served, address)
        workload = with_reference(workload, list(chosen.values()))
        workload = replace(workload, in_flight=workload.in_flight or IN_FLIGHT)
        plan = Plan(
            run=self._new_run(),
            target=options.target,
            target_instance=options.target_instance,
            workload=workload,
            variants={subject.name: variants for subject, variants in chosen.items()},
            parts=options.parts,
            done=_done(options.done),
            schedule_seconds=last_due(workload),
            rates=_rates(options.found_rate),
        )
        subjects = [[asdict(subject), list(variants)] for subject, variants in chosen.items()]
        data = {"run": plan.run, "address": address, "workload": described(workload)}
        self._crew.prepare({**data, "subjects": subjects})
        ledger = RunLedger(plan)
        assert self._page is not None  # noqa: S101
        self._page.ledger = ledger
        print(f'{{"event": "ready", "metrics_port": {self._page.port}}}', flush=True)
        thermometer = Thermometer(options.target_metrics or None, tls_of(options))
        return Conductor(plan, ledger, thermometer, self._crew)

    def _new_run(self) -> str:
        """Of a second run of the process, which Locust's web page starts, another id."""
        run = self._options.run_id or uuid.uuid4().hex[:12]
        run = f"{run}-{len(self._runs) + 1}" if run in self._runs else run
        self._runs.append(run)
        return run

    def _end(self, ended: gevent.Greenlet[None]) -> None:
        self._conducting = None
        if not ended.successful():
            error = ended.exception
            self._trouble = str(error) if isinstance(error, WattscanError) else repr(error)
            print(f"wattscan load: the run ended early: {self._trouble}", file=sys.stderr)
            self._environment.process_exit_code = 1
        self._crew.forget()
        if self._options.headless:
            self._runner.quit()
        else:  # its figures stay on the page, and another run may be started
            self._runner.stop()

    def _give_up(self, why: str) -> None:
        self._trouble = why
        print(f"wattscan load: {why}", file=sys.stderr, flush=True)
        self._environment.process_exit_code = 2
        if self._options.headless:
            # Locust has not begun yet, so it cannot be asked to quit; workers can.
            if isinstance(self._runner, MasterRunner):
                with suppress(BaseException):
                    self._runner.quit()
            sys.exit(2)
        gevent.spawn_later(0.5, self._runner.stop)

    def _rows(self) -> dict[str, object]:
        run = self._runs[-1] if self._runs else ""
        progress = self._conductor.progress if self._conductor is not None else {}
        return rows_of(run, progress, self._trouble)


def _passed_to(note: Any) -> Any:
    def take(msg: Message, **_: object) -> None:
        note(msg.node_id, msg.data)

    return take


def _rates(texts: Sequence[str]) -> dict[str, float]:
    """Raises: WattscanError."""
    try:
        return {task: float(rate) for task, _, rate in (text.rpartition("=") for text in texts)}
    except ValueError:
        raise WattscanError("--found-rate takes TASK=QUERIES-A-SECOND") from None


def _done(file: Path | None) -> frozenset[PlannedWindow]:
    """Raises: WattscanError."""
    if not file:
        return frozenset()
    try:
        # A model whose name tells no variant has an empty one.
        text = Path(file).read_text(encoding="utf-8")
        lines = [line.rsplit(" ", 2) for line in text.splitlines()]
        return frozenset(
            PlannedWindow(task, precision, int(repeat)) for task, precision, repeat in lines
        )
    except OSError as error:
        raise WattscanError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise WattscanError(f"{file} must have TASK PRECISION REPEAT in each line") from None
