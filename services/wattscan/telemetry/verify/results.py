"""What each check found, and its verdict: pure functions over what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from wattscan.contracts import WattscanError
from wattscan.telemetry.calibration import LEAST_STEPS, CalibrationPoint, fit
from wattscan.telemetry.verify.polling import LEAST_MOVES, Poll, Track
from wattscan.units import Joules, Seconds, Watts, milliseconds_from_seconds

Verdict: TypeAlias = Literal["agrees", "differs", "not measurable here"]

LEAST_TOLERANCE = 0.02
"""Two sources may differ by this, or by the larger of their stated uncertainties."""
# Of its highest step: a source whose power moves by less has not seen the load.
_LEAST_SPAN = 0.1
# A driver's statement of its period is a round figure.
_PERIOD_TOLERANCE = 1.5
BLOCKED = "it does not come back from a read"
"""Of a sensor that a driver, or the file that it reads, holds up."""
MOST_COST = 0.01
"""Processor seconds that sampling may take in a second."""


@dataclass(frozen=True)
class VerifiedSource:
    """A domain of a sensor that is measured and proven.

    `period` is the longest time between two renewals that its driver states; `is_device`: whether
    it stands for its sensor's device in the tables.
    """

    sensor: str
    domain: str
    scope: str
    counts: bool
    uncertainty_ratio: float
    period: Seconds
    is_device: bool = False

    @property
    def name(self) -> str:
        """As pages show it."""
        return f"{self.sensor} {self.domain}"


@dataclass(frozen=True)
class LoadStep:
    """A load, and the mean power of each source that spoke all the while, by its name."""

    level: float
    powers: Mapping[str, Watts]


@dataclass(frozen=True)
class Result:
    """A row of a page. The keys of `figures` are headings, with their units."""

    subject: str
    figures: Mapping[str, float | None]
    verdict: Verdict
    why: str


def tolerance(*sources: VerifiedSource) -> float:
    """By how much they may differ, as a ratio."""
    return max(LEAST_TOLERANCE, *(source.uncertainty_ratio for source in sources))


def span(source: VerifiedSource, steps: Sequence[LoadStep]) -> float:
    """By how much the load moves its power, over its highest step; 0 where it does not tell."""
    powers = [step.powers[source.name] for step in steps if source.name in step.powers]
    return (max(powers) - min(powers)) / max(powers) if powers and max(powers) > 0 else 0.0


def moves(steps: Sequence[LoadStep], *sources: VerifiedSource) -> bool:
    """Whether the load moves all of them."""
    return all(span(source, steps) >= _LEAST_SPAN for source in sources)


def reading(sensor: str, idle: Poll, loaded: Poll, blocked: bool = False) -> Result:
    """What one read takes, and whether all succeeded; `blocked`: one has not come back at all."""
    figures = {
        "processor time of a read [ms]": milliseconds_from_seconds(idle.processor),
        "time of a read, idle [ms]": milliseconds_from_seconds(idle.wall),
        "under load [ms]": milliseconds_from_seconds(loaded.wall),
        "reads": float(idle.reads + loaded.reads),
        "failures": float(idle.failures + loaded.failures),
    }
    if blocked:
        return Result(sensor, figures, "differs", f"{BLOCKED}; the checks went on without it")
    failed = idle.failures + loaded.failures
    return Result(sensor, figures, "differs" if failed else "agrees", "each read must succeed")


def renewal(source: VerifiedSource, poll: Poll, track: Track) -> Result:
    """Its update period and resolution, against what its driver states."""
    found, unit = track.period, "J" if source.counts else "W"
    figures = {
        "found [s]": found,
        "stated [s]": source.period,
        "spacing of reads [s]": poll.spacing,
        f"resolution [{unit}]": track.resolution,
    }
    subject, limit = source.name, _PERIOD_TOLERANCE * source.period
    if found is None or track.moves < LEAST_MOVES:
        why = f"it moved {track.moves} times in {poll.duration:.3g} s"
        return Result(subject, figures, "not measurable here", why)
    if found > max(limit, 2 * poll.spacing):
        return Result(subject, figures, "differs", f"more than {limit:.3g} s")
    fast = found <= 2 * poll.spacing
    why = "it moves at nearly every read" if fast else f"at most {limit:.3g} s"
    return Result(subject, figures, "agrees", why)


def follows(source: VerifiedSource, steps: Sequence[LoadStep]) -> Result:
    """Whether its power rises with the load."""
    powers = [step.powers.get(source.name) for step in steps]
    figures = {f"{s.level:.0%} [W]": power for s, power in zip(steps, powers, strict=True)}
    known = [power for power in powers if power is not None]
    if len(known) < len(powers):
        why = "it fell silent during a step: take longer ones"
        return Result(source.name, figures, "not measurable here", why)
    if not moves(steps, source):
        why = f"the load moves it by less than {_LEAST_SPAN:.0%}"
        return Result(source.name, figures, "not measurable here", why)
    fall = max(Watts(a - b) for a, b in pairwise(known))
    most = _LEAST_SPAN * (max(known) - min(known))
    if fall > most:
        return Result(
            source.name, figures, "differs", f"it falls by {fall:.3g} W as the load rises"
        )
    return Result(source.name, figures, "agrees", "it rises with the load")


def counter_over_power(
    counter: VerifiedSource, gauge: VerifiedSource, steps: Sequence[LoadStep]
) -> Result:
    """The counter's power over the integrated power of the same device, at each load."""
    subject = f"{counter.name} / {gauge.name}"
    ratios = {
        f"{s.level:.0%}": s.powers[counter.name] / s.powers[gauge.name]
        if counter.name in s.powers and s.powers.get(gauge.name)
        else None
        for s in steps
    }
    known = [ratio for ratio in ratios.values() if ratio is not None]
    if not known:
        return Result(subject, ratios, "not measurable here", "they never spoke at the same time")
    worst = max(known, key=lambda ratio: abs(ratio - 1))
    return _within(subject, ratios, worst - 1, tolerance(counter, gauge))


def against(sensor: VerifiedSource, meter: VerifiedSource, steps: Sequence[LoadStep]) -> Result:
    """meter = gain x sensor + offset, over the steps."""
    subject = f"{meter.name} = gain x {sensor.name} + offset"
    spoke = [s for s in steps if {sensor.name, meter.name} <= s.powers.keys()]
    empty = {"gain": None, "offset [W]": None, "residual [W]": None}
    if len(spoke) < LEAST_STEPS:
        why = f"both spoke in {len(spoke)} steps; {LEAST_STEPS} are needed"
        return Result(subject, empty, "not measurable here", why)
    if not moves(spoke, sensor, meter):
        why = f"the load moves one of them by less than {_LEAST_SPAN:.0%}"
        return Result(subject, empty, "not measurable here", why)
    points = [CalibrationPoint(s.powers[sensor.name], s.powers[meter.name]) for s in spoke]
    try:
        made = fit(points, meter.uncertainty_ratio)
    except WattscanError as error:  # one falls while the other rises
        return Result(subject, empty, "differs", str(error))
    gain, offset = made.correction.gain, made.correction.offset
    figures = {"gain": gain, "offset [W]": offset, "residual [W]": made.residual}
    most = max(point.meter for point in points)
    return _within(
        subject, figures, max(gain - 1, offset / most, key=abs), tolerance(sensor, meter)
    )


def burst(
    counter: VerifiedSource, gauge: VerifiedSource, period: Seconds, step: LoadStep, loaded: bool
) -> Result:
    """The error of integrated power while the load goes on and off; `loaded`: whether the load
    moves both."""
    subject = f"{gauge.name} against {counter.name}"
    counted, shown = step.powers.get(counter.name), step.powers.get(gauge.name)
    figures: dict[str, float | None] = {"on and off in [s]": period}
    if not counted or shown is None:
        figures |= {"counter [W]": counted, "integrated [W]": shown, "error [%]": None}
        return Result(subject, figures, "not measurable here", "one of them fell silent")
    error = shown / counted - 1
    figures |= {"counter [W]": counted, "integrated [W]": shown, "error [%]": 100 * error}
    if not loaded:
        why = "the load does not move both, so there are no bursts"
        return Result(subject, figures, "not measurable here", why)
    return _within(subject, figures, error, tolerance(counter, gauge))


@dataclass(frozen=True)
class Totals:
    """Energy that the device took, that requests got, that is held for them, and that is idle."""

    device: Joules
    requests: Joules
    held: Joules
    idle: Joules


def requests(subject: str, totals: Totals, last: Joules) -> Result:
    """What the requests got, what is held for them and what is idle, against the device's energy;
    `last` is what the device takes within one interval."""
    left = Joules(totals.device - totals.requests - totals.held - totals.idle)
    figures = {
        "device [J]": totals.device,
        "requests [J]": totals.requests,
        "held [J]": totals.held,
        "idle [J]": totals.idle,
        "left over [J]": left,
    }
    if totals.device <= 0:
        return Result(subject, figures, "not measurable here", "the device's energy did not move")
    verdict: Verdict = "agrees" if abs(left) <= last else "differs"
    return Result(subject, figures, verdict, f"at most one interval's energy, {last:.3g} J")


def cost(subject: str, interval: Seconds, ratio: float) -> Result:
    """Processor seconds of the sampler in a second."""
    figures = {"interval [s]": interval, "processor seconds per second": ratio}
    verdict: Verdict = "agrees" if ratio <= MOST_COST else "differs"
    return Result(subject, figures, verdict, f"at most {MOST_COST:g}")


def _within(
    subject: str, figures: Mapping[str, float | None], error: float, allowed: float
) -> Result:
    verdict: Verdict = "agrees" if abs(error) <= allowed else "differs"
    return Result(subject, figures, verdict, f"{error:+.1%} at worst; allowed is {allowed:.1%}")
