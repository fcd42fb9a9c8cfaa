"""How many printed intervals hold the truth, over many made-up runs (`make simulate`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from draws import VARIANTS, Draw
from made_runs import make

from wattscan.collector.cells import KINDS
from wattscan.collector.compare import compare
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.measure import measure


@dataclass
class Tally:
    """`held` and `tried` count the intervals of `valid` figures, by figure; `cells` and `valid`
    all cells and the valid ones; `reasons` what the others were not valid for."""

    held: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    widths: dict[str, list[float]] = field(default_factory=dict)
    cells: int = 0
    valid: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    false_alarms: int = 0
    """Of two runs: figures called worse beyond the threshold that are not."""

    @property
    def valid_share(self) -> float:
        """Of all cells."""
        return self.valid / self.cells if self.cells else 0.0

    def share(self, figure: str) -> float:
        """Of the valid intervals of a figure, those that hold the truth."""
        return self.held[figure] / self.tried[figure] if self.tried[figure] else 1.0

    def count(self, figure: str, low: float, high: float, truth: float) -> None:
        """One interval of a valid figure."""
        self.tried[figure] += 1
        self.held[figure] += low <= truth <= high
        self.widths.setdefault(figure, []).append((high - low) / 2 / truth)


def simulate(
    drawn: Callable[[np.random.Generator], Draw],
    runs: int,
    seed: int,
    told: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Reduce so many recordings, each drawn anew, and count."""
    tally = Tally()
    for number in range(runs):
        rng = np.random.default_rng([seed, number])
        source, truth = make(drawn(rng), rng)
        measured = measure(source, None)
        ratio = measured.ratios[0]
        for cell in measured.cells:
            tally.cells += 1
            tally.valid += cell.verdict == "valid"
            tally.reasons.update(reason.code for reason in cell.reasons)
            for kind in KINDS:
                verdict = cell.verdict if kind == "gross" else cell.net_verdict
                figure = cell.joules(kind)
                if verdict == "valid" and figure and figure.interval:
                    tally.count(kind, *figure.interval, getattr(truth, kind)[cell.precision])
        verdicts = {
            "gross": measured.verdict_of_ratio(ratio), "net": measured.net_verdict_of_ratio(ratio)
        }  # fmt: skip
        for kind in KINDS:
            fitted = getattr(ratio, kind)
            if fitted and fitted.low and verdicts[kind] == "valid":
                tally.count(f"ratio, {kind}", fitted.low, fitted.high, truth.ratio(kind))
        told(number + 1)
    assert tally.cells == runs * len(VARIANTS)
    return tally


def simulate_pairs(
    drawn: Callable[[np.random.Generator], Draw],
    pairs: int,
    seed: int,
    told: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Compare so many pairs of runs, of which B's load takes up to 10 % more than A's, and count:
    with one sensor on one machine in both, and with two sensors that each err by themselves."""
    tally = Tally()
    for number in range(pairs):
        rng = np.random.default_rng([seed, number])
        one = drawn(rng)
        more = float(rng.choice([1.0, 1.03, 1.05, 1.1]))
        load = {name: one.idle + (watts - one.idle) * more for name, watts in one.load.items()}
        other = replace(one, load=load, drift=-one.drift)
        gain = 1 + rng.normal(0, one.uncertainty)
        for title, own in (
            ("one machine", {"machine": "A processor", "gain": gain}),
            ("two sensors", {"machine": "", "gain": None}),
        ):
            _compare(tally, title, replace(one, **own), replace(other, **own), rng)
        told(number + 1)
    return tally


def _compare(tally: Tally, title: str, one: Draw, other: Draw, rng: np.random.Generator) -> None:
    (source_a, true_a), (source_b, true_b) = make(one, rng), make(other, rng)
    limits = Thresholds()
    comparison = compare(measure(source_a, None), measure(source_b, None), limits)
    assert (comparison.why_two_sensors == "") == (title == "one machine")
    for cell in comparison.cells:
        tally.cells += 1
        tally.valid += cell.verdict == "valid"
        for pair in cell.pairs:
            if pair.kind != "energy" or cell.verdict != "valid" or pair.ratio.low is None:
                continue
            truth = (
                getattr(true_b, pair.name)[cell.precision]
                / getattr(true_a, pair.name)[cell.precision]
            )
            tally.count(f"B/A {pair.name}, {title}", pair.ratio.low, pair.ratio.high, truth)
            alarm = pair.judgement.outcome == "worse_beyond_threshold"
            tally.false_alarms += alarm and truth <= 1 + limits.energy
