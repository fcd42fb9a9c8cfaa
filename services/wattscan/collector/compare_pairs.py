"""One figure of a cell in both runs: energy, latency and quality, each with its judgement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wattscan.collector.cells import KINDS, Cell
from wattscan.collector.compare_energy import energy_estimate, why_energy_differs_in_kind
from wattscan.collector.compare_judgement import Judgement, Thresholds, judged, not_compared
from wattscan.collector.compare_quality import score_pairs
from wattscan.collector.compare_ratio import Estimate, run_ratio
from wattscan.collector.figure_text import figure_text
from wattscan.collector.measured import Measured
from wattscan.collector.ratio import Ratio
from wattscan.collector.tables import NOT_MEASURED, number
from wattscan.units import milliseconds_from_seconds

PairKind = Literal["energy", "latency", "quality"]
_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True)
class Pair:
    """One figure in both runs, `name` such as gross, p90 or `Dice on nerve-phantom`. `a` and `b`
    are in the unit, None where a run has none, and `texts` both as they are printed. `decides`: it
    counts for the exit code."""

    kind: PairKind
    name: str
    unit: str
    a: float | None
    b: float | None
    texts: tuple[str, str]
    ratio: Ratio | None
    judgement: Judgement
    decides: bool = True


@dataclass(frozen=True)
class Terms:
    """How two runs are compared. `cancels`: one sensor on one machine, so its error cancels."""

    thresholds: Thresholds
    cancels: bool


def energy_pairs(
    a: Measured, b: Measured, cells: tuple[Cell, Cell], terms: Terms
) -> Iterator[Pair]:
    """Joules of an image. Gross decides; net is what the load added, and is told beside it."""
    why = why_energy_differs_in_kind(a, b, *cells)
    for kind in KINDS:
        one, other = (cell.joules(kind) for cell in cells)
        decides = kind == "gross"
        ratio, judgement = None, not_compared(why or "it is not above zero in both")
        estimates = [energy_estimate(cell, kind, terms.cancels) for cell in cells]
        if not why and estimates[0] and estimates[1]:
            found = run_ratio(estimates[0], estimates[1])
            ratio = found.ratio
            judgement = judged(found, terms.thresholds.energy if decides else None)
        yield Pair(
            kind="energy",
            name=kind,
            unit="J/image",
            a=one.mean if one else None,
            b=other.mean if other else None,
            texts=(
                figure_text(one) if one else NOT_MEASURED,
                figure_text(other) if other else NOT_MEASURED,
            ),
            ratio=ratio,
            judgement=judgement,
            decides=decides,
        )


def latency_pairs(cells: tuple[Cell, Cell], terms: Terms) -> Iterator[Pair]:
    """The percentiles that the energy table has."""
    for name, quantile in _PERCENTILES.items():
        one, other = (_latency_estimate(cell, quantile) for cell in cells)
        ratio, judgement = None, not_compared("too few queries, or none timed, in A or B")
        if one and other:
            found = run_ratio(one, other)
            ratio, judgement = found.ratio, judged(found, terms.thresholds.latency)
        a, b = (_milliseconds(each) for each in (one, other))
        texts = (_latency_text(a), _latency_text(b))
        yield Pair("latency", name, "ms", a, b, texts=texts, ratio=ratio, judgement=judgement)


def quality_pairs(a: Measured, b: Measured, names: tuple[str, str], terms: Terms) -> Iterator[Pair]:
    """The scores of a task (the first of `names`) in a variant (the second)."""
    for pair in score_pairs(a, b, names, terms.thresholds.quality):
        texts = (_score_text(pair.a), _score_text(pair.b))
        yield Pair(
            "quality", pair.title, "", pair.a, pair.b,
            texts=texts, ratio=pair.ratio, judgement=pair.judgement,
        )  # fmt: skip


def _latency_estimate(cell: Cell, quantile: float) -> Estimate | None:
    """A percentile of all queries, which lies anywhere in its bucket; it scatters as those of the
    windows do."""
    value = cell.quantile(quantile)
    bounds = cell.latency.quantile_bounds(quantile) if cell.latency else None
    if value is None or bounds is None or value <= 0:
        return None
    found = (w.latency.quantile(quantile) if w.latency else None for w in cell.windows)
    low, high = bounds
    return Estimate(
        value=value,
        repeats=[seconds for seconds in found if seconds is not None],
        up=math.log(high / value),
        down=math.log(value / low) if low > 0 else math.inf,
        sensor=0.0,
    )


def _milliseconds(estimate: Estimate | None) -> float | None:
    return milliseconds_from_seconds(estimate.value) if estimate else None


def _latency_text(milliseconds: float | None) -> str:
    return "none" if milliseconds is None else number(milliseconds)


def _score_text(score: float | None) -> str:
    return NOT_MEASURED if score is None else f"{score:.4f}"
