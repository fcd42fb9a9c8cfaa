"""The phases of a verification, in their order. Each gives a section of the page."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wattscan.contracts import Target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.domains import AnyDomain, Domain
from wattscan.telemetry.proof import PERIODS, update_period
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.verify import results
from wattscan.telemetry.verify.found_sources import VerifyPlan, is_comparable, sources_in
from wattscan.telemetry.verify.loads import STEADY, ControlledLoad
from wattscan.telemetry.verify.polling import Poll, poll
from wattscan.telemetry.verify.results import LoadStep, Result, Totals, VerifiedSource
from wattscan.units import Joules, Seconds, Watts, energy, mean_power

_LEAST_POLL, _IDLE_POLL = Seconds(2.0), Seconds(1.0)
_SHORTEST_BURST, _LONGEST_BURST = Seconds(0.02), Seconds(2.0)
_BURSTS = (0.5, 2.0, 10.0)  # of the power's update period
_LONGEST_PROOF, _PAUSE = Seconds(15.0), Seconds(0.05)
_SERVICE = Seconds(0.02)


class Verification:
    """Checks of the sensors of one target under one load. To be used as a context."""

    def __init__(
        self, target: Target, sensors: Sequence[FoundSensor], gauges: Sequence[FoundSensor],
        load: ControlledLoad, plan: VerifyPlan,
    ) -> None:  # fmt: skip
        """`gauges` are read beside the target's own `sensors`, and for the checks only."""
        self._target = target
        self._sensors = sensors
        self._gauges = gauges
        self._load = load
        self._plan = plan
        self._ledger = Ledger()
        self._sampler = Sampler([], target.sample_interval, self._ledger)
        self._domains: dict[VerifiedSource, Domain] = {}
        self._idle: dict[str, Poll] = {}
        self.polls: dict[str, Poll] = {}
        self.steps: list[LoadStep] = []

    def __enter__(self) -> Verification:
        return self

    def __exit__(self, *_: object) -> None:
        self._sampler.stop()

    @property
    def sources(self) -> list[VerifiedSource]:
        """Those that are proven, in the target's order, the gauges last."""
        return list(self._domains)

    @property
    def blocked(self) -> set[str]:
        """The sensors that do not come back from a read. No other phase waits for them."""
        polled = {name for name, poll in self.polls.items() if poll.blocked}
        return polled | {s.sensor.name for s in self._sampler.states if s.reader.blocked}

    def poll(self) -> None:
        """Read each sensor as fast as is reasonable: idle for its cost, loaded for its moves."""
        for each in [*self._sensors, *self._gauges]:
            period, name = update_period(each.sensor, each.choice), each.sensor.name
            duration = min(self._plan.seconds, max(_LEAST_POLL, PERIODS * period))
            self._plan.tell(f"{name}: reading it as fast as is reasonable")
            idle = poll(each.sensor, period, min(self._plan.seconds, _IDLE_POLL))
            self._idle[name] = idle
            if idle.blocked:
                self.polls[name] = replace(idle, reads=0, failures=0)
            else:
                with self._load.at(0.5, STEADY, together=False):
                    self.polls[name] = poll(each.sensor, period, Seconds(duration))
            if self.polls[name].blocked:
                self._plan.tell(f"{name}: {results.BLOCKED}; going on without it")

    def reads(self) -> list[Result]:
        """What a read of each sensor takes, and whether it has come back until now."""
        blocked = self.blocked
        return [
            results.reading(name, idle, self.polls[name], name in blocked)
            for name, idle in self._idle.items()
        ]

    def prove(self) -> None:
        """Read all sensors at the target's interval, until each that moves under load is proven."""
        self._plan.tell("waiting for the sources to move")
        read = self._not_blocked([*self._sensors, *self._gauges])
        self._sampler = Sampler(read, self._target.sample_interval, self._ledger)
        longest = max([_LEAST_POLL, *(PERIODS * update_period(f.sensor, f.choice) for f in read)])
        end = time.monotonic() + min(_LONGEST_PROOF, longest)
        self._sampler.start()
        with self._load.at(1.0, STEADY, together=False):
            while time.monotonic() < end and any(s.proving for s in self._sampler.states):
                time.sleep(_PAUSE)
        self._sampler.sample()
        self._domains = dict(sources_in(self._sampler))

    def renewals(self) -> list[Result]:
        """Update period and resolution of each source."""
        return [
            results.renewal(source, self.polls[source.sensor], track)
            for source in self.sources
            if (track := self.polls[source.sensor].tracks.get(source.domain))
        ]

    def step(self) -> list[Result]:
        """Mean power of each source at each level."""
        for level in self._plan.levels:
            self._plan.tell(f"load {level:.0%}")
            self.steps.append(self._stretch(level, STEADY, together=False))
        return [results.follows(source, self.steps) for source in self.sources]

    def counters_over_power(self) -> list[Result]:
        """Each counter over the integrated power of its device."""
        return [results.counter_over_power(*pair, self.steps) for pair in self._counted_pairs()]

    def against_each_other(self) -> list[Result]:
        """Each pair of sources of one device at one scope, fitted over the steps."""
        found = []
        for one, other in itertools.combinations(self.sources, 2):
            if is_comparable(one, other):
                # Of two, the meter is the counter, else the first.
                sensor, meter = (one, other) if other.counts and not one.counts else (other, one)
                found.append(results.against(sensor, meter, self.steps))
        return found

    def bursts(self) -> list[Result]:
        """The error of integrated power under a load that goes on and off."""
        pairs = self._counted_pairs()
        if not pairs:
            return []
        found = []
        shortest = min(gauge.period for _, gauge in pairs)
        for period in (min(max(f * shortest, _SHORTEST_BURST), _LONGEST_BURST) for f in _BURSTS):
            self._plan.tell(f"bursts: on and off within {period:g} s")
            step = self._stretch(0.5, Seconds(period), together=True)
            found += [
                results.burst(*pair, Seconds(period), step, results.moves(self.steps, *pair))
                for pair in pairs
            ]
        return found

    def requests(self) -> list[Result]:
        """The energy that synthetic requests get, against their device's."""
        self._plan.tell("energy of requests")
        device = self._device()
        if device is None:
            return []
        before = self._totals(device)
        with self._load.at(0.5, STEADY, together=False):
            began = time.monotonic()
            _serve(self._ledger, Seconds(0.8 * self._plan.seconds))
            time.sleep(0.2 * self._plan.seconds)  # with no request: idle
        after = self._totals(device)
        grown = Totals(*(Joules(now - then) for now, then in zip(after, before, strict=True)))
        power = mean_power(grown.device, Seconds(time.monotonic() - began))
        last = energy(power, self._target.sample_interval)
        name = f"{device.key.sensor} {device.key.domain}"
        return [results.requests(name, grown, last)]

    def cost(self) -> list[Result]:
        """What sampling the target's own sensors takes of a processor, idle."""
        self._plan.tell("cost of sampling")
        self._sampler.stop()
        read = self._not_blocked(self._sensors)
        sampler = Sampler(read, self._target.sample_interval, Ledger())
        sampler.start()
        began, used = time.monotonic(), time.process_time()
        time.sleep(self._plan.seconds)
        used = time.process_time() - used
        ratio = used / (time.monotonic() - began)
        sampler.stop()
        names = ", ".join(each.sensor.name for each in read)
        return [results.cost(names, self._target.sample_interval, ratio)]

    def _not_blocked(self, sensors: Sequence[FoundSensor]) -> list[FoundSensor]:
        blocked = self.blocked
        return [each for each in sensors if each.sensor.name not in blocked]

    def _counted_pairs(self) -> list[tuple[VerifiedSource, VerifiedSource]]:
        """A counter and a power of the same device, by sensors of their own."""
        counters = [source for source in self.sources if source.counts]
        gauges = [source for source in self.sources if not source.counts]
        return [pair for pair in itertools.product(counters, gauges) if is_comparable(*pair)]

    def _stretch(self, level: float, period: Seconds, together: bool) -> LoadStep:
        """Mean power of each source over the same seconds under a load."""
        seconds = self._plan.seconds
        with self._load.at(level, period, together):
            time.sleep(self._plan.settle)
            before = self._energies()
            time.sleep(seconds)
            after = self._energies()
        powers: dict[str, Watts] = {}
        for source, (joules, covered) in after.items():
            spanned = Seconds(covered - before[source][1])
            if self._domains[source].present and spanned > 0.8 * seconds:
                powers[source.name] = mean_power(Joules(joules - before[source][0]), spanned)
        return LoadStep(level, powers)

    def _energies(self) -> Mapping[VerifiedSource, tuple[Joules, Seconds]]:
        self._sampler.sample()
        with self._sampler.lock:
            return {source: (d.energy, d.covered) for source, d in self._domains.items()}

    def _device(self) -> AnyDomain | None:
        """What the tables read, where it is measured."""
        self._sampler.sample()
        shown = (d for state in self._sampler.states if state.measures for d in state.shown)
        return next((domain for domain in shown if domain.key == self._sampler.table), None)

    def _totals(self, device: AnyDomain) -> tuple[Joules, Joules, Joules, Joules]:
        """The fields of `Totals`."""
        self._sampler.sample()
        ledger = self._ledger
        with self._sampler.lock:
            got, idle = sum(ledger.attributed().values()), sum(ledger.idle().values())
            return device.energy, Joules(got), ledger.held(), Joules(idle)


def _serve(ledger: Ledger, seconds: Seconds) -> None:
    """Requests in pairs, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pair = [ledger.open("verification", "none") for _ in range(2)]
        for account in pair:
            account.start()
        time.sleep(_SERVICE)
        for account in pair:
            account.stop()
            account.close(ok=True)
        time.sleep(_SERVICE / 2)
