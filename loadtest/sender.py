"""One process's part of the load: it prepares the requests, and sends while a gate is open.

It is led by messages of Locust's runner, from the master or from the same process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import gevent
import grpc

from loadtest.connection import Connection, told
from loadtest.outage import MOST_REFUSED, Outage
from loadtest.plan import PlannedWindow
from loadtest.protocols import PROTOCOLS, Requests, Subject
from loadtest.scenarios import BY_NAME, SendingGate
from loadtest.tally import Tally
from wattscan.contracts import WattscanError
from wattscan.workload_files import read_schedule
from wattscan.workloads import Workload

PREPARE, OPEN, CLOSE, FORGET = (
    f"wattscan-{each}" for each in ("prepare", "open", "close", "forget")
)
PREPARED, COUNTED, REFUSED = (f"wattscan-{each}" for each in ("prepared", "counted", "refused"))

_REPORT_SECONDS = 1.0

log = logging.getLogger(__name__)


class Reports(Protocol):
    """How a sender tells whoever leads the run."""

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a message."""
        ...


class Sender:
    """The requests of a run, and the gate that is open."""

    def __init__(self, connection: Connection, report: Reports) -> None:
        self._connection = connection
        self._report = report
        self._workload = Workload()
        self._run = ""
        self._requests: dict[tuple[str, str], Requests] = {}
        self._gate: SendingGate | None = None
        self._cpu = (time.monotonic(), time.process_time())

    def prepare(self, data: Mapping[str, Any]) -> None:
        """Make the requests of a run, and say whether that went well."""
        error = ""
        try:
            self.forget()
            self._run = data["run"]
            self._workload = _workload(data["workload"])
            if self._workload.schedule:
                read_schedule(Path(self._workload.schedule))
            speaks = PROTOCOLS[self._workload.protocol](self._connection)
            for told_of, variants in data["subjects"]:
                subject = Subject(**told_of)
                for variant in variants:
                    found = speaks.requests(self._workload, subject, variant)
                    self._requests[subject.name, variant] = found
                    gevent.sleep(0)  # a worker must be heard meanwhile
        except WattscanError as wrong:
            error = str(wrong)
        except grpc.RpcError as failed:
            error = told(self._connection.address, failed)
        except Exception as unforeseen:  # whoever leads the run waits for an answer
            log.exception("the requests cannot be made")
            error = f"the requests cannot be made: {unforeseen!r}"
        self._report(PREPARED, {"run": data["run"], "error": error})

    def open(self, data: Mapping[str, Any]) -> None:
        """Send from now on, until `close`; what is counted is told each second, and at the end."""
        if self._gate is not None:
            self._gate.close()
        window = PlannedWindow(**data["window"])
        gate = self._gate = SendingGate(
            number=data["gate"],
            window=window,
            counts=data["counts"],
            seconds=data["seconds"],
            share=tuple(data["share"]),
            rate=data["rate"],
            tally=Tally(self._workload.latency_bound),
        )
        kind = BY_NAME[self._workload.scenario]
        outage = Outage(self._refused, lambda: self._lost(gate))
        scenario = kind(
            self._workload,
            self._requests[window.task, window.precision],
            self._connection.send,
            outage,
            f"{window.task}-{window.precision}",
        )
        driving = gevent.spawn(scenario.drive, gate)
        gevent.spawn(self._tell, gate, driving)

    def close(self, data: Mapping[str, Any]) -> None:
        """Begin no more queries, except those that were due."""
        if self._gate is not None and self._gate.number == data["gate"]:
            self._gate.close()

    def forget(self) -> None:
        """End the sending, and free what the requests hold."""
        if self._gate is not None:
            self._gate.abandon()
        requests, self._requests = self._requests, {}
        for each in requests.values():
            each.close()

    def _tell(self, gate: SendingGate, driving: gevent.Greenlet[None]) -> None:
        ended = False
        while not ended:
            driving.join(_REPORT_SECONDS)
            ended = driving.ready()
            if ended and not driving.successful():
                self._report(REFUSED, {"run": self._run, "error": repr(driving.exception)})
            self._count(gate, ended)

    def _count(self, gate: SendingGate, ended: bool) -> None:
        counted, gate.tally = gate.tally, Tally(self._workload.latency_bound)
        data = {"run": self._run, "gate": gate.number, "ended": ended, "cpu": self._cpu_ratio()}
        self._report(COUNTED, {**data, "tally": counted.message()})

    def _lost(self, gate: SendingGate) -> None:
        gate.tally.incidents["server_lost"] += 1

    def _refused(self, sentence: str) -> None:
        text = f"the service refused {MOST_REFUSED} queries in a row: {sentence}"
        self._report(REFUSED, {"run": self._run, "error": text})

    def _cpu_ratio(self) -> float:
        """This process's processor time over elapsed time, since it was last asked."""
        then, used = self._cpu
        now, using = self._cpu = (time.monotonic(), time.process_time())
        return (using - used) / max(now - then, 1e-3)


def described(workload: Workload) -> dict[str, Any]:
    """As a message of Locust's has it."""
    return asdict(workload)


def _workload(told_of: Mapping[str, Any]) -> Workload:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told_of.items()
    }
    return Workload(**given)
