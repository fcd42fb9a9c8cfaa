"""Leads a run through its windows and phases, and tells those who send when to send."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import gevent
from gevent.event import Event

from loadtest.crew import Crew
from loadtest.ledger import RunLedger
from loadtest.plan import Plan, PlannedWindow
from loadtest.rates import TRIAL_SECONDS, Trial, highest_rate
from loadtest.scenarios import BY_NAME
from loadtest.tally import Tally
from loadtest.thermometer import Thermometer
from wattscan.contracts import WattscanError
from wattscan.profiles import COOLDOWN, IDLE, LOAD, WARM_UP

_LAST_SCRAPES = 2
_LAST_SCRAPES_SECONDS = 15.0
# A phase that waits for its least number of queries ends after so many times its length.
_MOST_TIMES = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opening:
    """Of a gate: open for so many seconds, and until there is enough, or for the most."""

    rate: float
    seconds: float
    counts: bool
    enough: Callable[[Tally], bool]
    at_most: float


class Conductor:
    """Opens a gate in warm-up and in load; between gates nothing is in flight."""

    def __init__(self, plan: Plan, ledger: RunLedger, thermometer: Thermometer, crew: Crew) -> None:
        self.plan = plan
        self.ledger = ledger
        self.progress: dict[str, Any] = {"phase": "preparing"}
        """What it does now, as the lines on standard output say it."""
        self._thermometer = thermometer
        self._crew = crew
        self._refused = Event()
        self._sentence = ""
        self._lost_before = 0
        crew.refused = self._note_refused

    def run(self) -> None:
        """The whole run. Raises: WattscanError: it cannot go on."""
        windows = self.plan.left
        if self.plan.workload.find_rate:
            self._find_rates()
        for number, window in enumerate(windows, 1):
            self._run_window(window, number, len(windows))
        self.progress = {"phase": "done"}
        self._wait_for_scrapes()
        _say(event="done")

    def _run_window(self, window: PlannedWindow, number: int, of: int) -> None:
        profile = self.plan.profile
        self._crew.muster()
        with self._phase(window, IDLE, profile.idle, number, of):
            self._thermometer.wait_idle(profile.idle)
        with self._phase(window, WARM_UP, profile.warmup, number, of):
            self._send(window, profile.warmup, counts=False)
        with self._phase(window, LOAD, self.plan.load_seconds, number, of):
            self._send(window, self.plan.load_seconds, counts=True)
        with self._phase(window, COOLDOWN, profile.cooldown, number, of):
            self._thermometer.wait_cool(profile.cooldown)
            self.ledger.cooldowns_unwatched = self._thermometer.unwatched

    @contextmanager
    def _phase(
        self, window: PlannedWindow, phase: str, seconds: float, number: int, of: int
    ) -> Iterator[None]:
        labels = {
            "task": window.task,
            "precision": window.precision,
            "repeat": window.repeat,
            "phase": phase,
        }
        self.ledger.begin(window, phase)
        self._tell(event="begin", **labels, seconds=seconds, window=number, of=of)
        yield
        self.ledger.end(window, phase)
        self._tell(event="end", **labels)

    def _send(self, window: PlannedWindow, seconds: float, *, counts: bool) -> None:
        tally = self.ledger.tally(window) if counts else Tally(self._bound)
        rate = self.plan.rate(window.task)
        least = self.plan.workload.min_queries if counts else 0

        def enough(counted: Tally) -> bool:
            return sum(counted.outcomes.values()) >= least

        opening = _Opening(rate, seconds, counts, enough, _MOST_TIMES * seconds)
        self._open(window, opening, tally)
        for status, sentence in tally.errors.items():
            log.warning("%s %s: %s: %s", window.task, window.precision, status, sentence)

    @property
    def _bound(self) -> float:
        return self.plan.workload.latency_bound

    def _open(self, window: PlannedWindow, opening: _Opening, tally: Tally) -> None:
        """Have the queries sent for so long, and until there are enough; wait for the last one:
        its energy is in the phase. Raises: WattscanError: everything is refused."""

        def counted(message: Mapping[str, Any]) -> None:
            tally.add(message)

        seconds = opening.seconds
        gate = {
            "window": asdict(window),
            "counts": opening.counts,
            "seconds": seconds,
            "rate": opening.rate,
        }
        streams = BY_NAME[self.plan.workload.scenario].streams
        most = 1 if streams else self.plan.workload.in_flight
        self.ledger.senders = self._crew.send(gate, most, counted)
        begun, lost = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < opening.at_most:
            if passed >= seconds and opening.enough(tally):
                break
            # The service's refusal ends the wait early.
            left = seconds - passed if passed < seconds else 0.1
            if self._refused.wait(min(left, 0.5)):
                break
            lost += self._crew.miss()
            self.ledger.cpu = max(self._crew.cpu.values(), default=0.0)
        more, unanswered = self._crew.close()
        self.ledger.cpu = 0.0
        lost += more + self._lost_before
        self._lost_before = 0 if opening.counts else lost
        if opening.counts:
            tally.incidents.update({"worker_lost": lost, "not_answered": unanswered})
        if self._refused.is_set():
            raise WattscanError(self._sentence)

    def _find_rates(self) -> None:
        """For each task the highest rate of each variant; its windows are sent at the least of
        them, so that all variants carry the same load. Raises: WattscanError: no rate is kept."""
        workload, profile = self.plan.workload, self.plan.profile
        if self.plan.variants.keys() <= self.plan.rates.keys():
            return
        # The search heats the device: what it was before is what cooldowns go back to.
        self._thermometer.wait_idle(profile.idle)
        for task, variants in self.plan.variants.items():
            if task in self.plan.rates:  # an earlier part of the run has found it
                continue
            rates = {}
            for variant in variants:
                window = PlannedWindow(task, variant, 0)
                attempt = self._attempt_of(window)
                rates[variant] = highest_rate(workload, attempt, self._teller(window))
                self.ledger.highest_rates[task, variant] = rates[variant]
            lost = [variant for variant, rate in rates.items() if not rate]
            if lost:
                raise WattscanError(
                    f"{task} {lost[0]} does not keep {workload.latency_bound:g} s at p"
                    f"{workload.latency_percentile:g} at any rate: give a longer latency bound"
                )
            self.plan.rates[task] = min(rates.values())
            self._tell(event="rate", phase="search", task=task, rate=self.plan.rates[task])
        self._thermometer.wait_cool(profile.cooldown)

    def _attempt_of(
        self, window: PlannedWindow
    ) -> Callable[[float, Callable[[Tally], bool]], Tally]:
        def attempt(rate: float, decided: Callable[[Tally], bool]) -> Tally:
            tally = Tally(self._bound)
            # As long as a load: a queue that grows must have the time to show.
            seconds = self.plan.load_seconds
            at_most = max(TRIAL_SECONDS, seconds)
            self._open(window, _Opening(rate, seconds, True, decided, at_most), tally)
            if any(tally.incidents.values()):
                raise WattscanError(
                    f"the search for the highest rate of {window.task} {window.precision} was "
                    f"interrupted: {', '.join(kind for kind, n in tally.incidents.items() if n)}"
                )
            return tally

        return attempt

    def _teller(self, window: PlannedWindow) -> Callable[[Trial], None]:
        def tell(trial: Trial) -> None:
            self._tell(
                event="trial", phase="search", task=window.task, precision=window.precision,
                rate=round(trial.rate, 3), kept=trial.kept, queries=trial.queries, over=trial.over,
            )  # fmt: skip

        return tell

    def _note_refused(self, sentence: str) -> None:
        self._sentence = sentence
        self._refused.set()

    def _wait_for_scrapes(self) -> None:
        seen = self.ledger.scrapes
        deadline = time.monotonic() + _LAST_SCRAPES_SECONDS
        while self.ledger.scrapes < seen + _LAST_SCRAPES and time.monotonic() < deadline:
            gevent.sleep(0.05)

    def _tell(self, **event: object) -> None:
        if event["event"] != "end":
            self.progress = {**event, "since": time.time()}
        _say(**event)


def _say(**event: object) -> None:
    """One line of JSON on standard output, for whoever started the generator."""
    print(json.dumps(event), flush=True)
