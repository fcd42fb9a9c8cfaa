"""`wattscan models benchmark`: how much faster is INT8 than FP32, in each engine that is here, and
in the one that the backend `auto` takes?

Every engine of every variant has its turn in every round, in an order that turns, so that what
disturbs the machine disturbs all alike; each figure is a median over the rounds. Figures of two
runs are not to be compared, the ratios of one run are.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import Engine, ModelCard, Tensor, WattscanError
from wattscan.engine_choice import DEFAULT, cheapest, processor, tuned
from wattscan.training.data import inputs
from wattscan.training.steady import opened, run_for

_MISSING = "-"


@dataclass(frozen=True)
class Timing:
    """Seconds of one inference of one image, a figure a round. `auto`: the engine that the backend
    of that name takes for this model; empty where it is not tuned."""

    network: str
    backend: str
    precision: str
    seconds: tuple[float, ...]
    auto: str = ""

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.seconds)


def benchmark(folders: Sequence[Path], rounds: int, threads: int) -> str:
    """Time every model of the folders, batch 1, and return Markdown tables.

    Args:
        folders: model folders.
        rounds: how often each engine runs each variant.
        threads: of each engine.

    Raises:
        WattscanError: no models, or no engine that runs any of them.
    """
    timings: list[Timing] = []
    for folder in folders:
        cards = [card for card in find_cards(folder) if not card.is_own]
        for name in dict.fromkeys((card.task, card.network) for card in cards):
            chosen = [card for card in cards if (card.task, card.network) == name]
            _to_stderr(f"timing {name[0]}, {name[1]}")
            timings += _timed(chosen, rounds, threads, _title(folder, name, timings))
    if not timings:
        raise WattscanError("none of these models could be opened in an engine that is installed")
    return f"{_heading(rounds, threads)}{_table(timings)}\n\n{_auto_table(timings)}"


def _title(folder: Path, name: tuple[str, str], before: Sequence[Timing]) -> str:
    """Task and network; the folder too where another one has the same."""
    title = f"{name[0]}: {name[1]}"
    return f"{title} ({folder})" if title in {timing.network for timing in before} else title


def _timed(cards: list[ModelCard], rounds: int, threads: int, title: str) -> list[Timing]:
    """The variants of one network, interleaved."""
    with contextlib.ExitStack() as stack:
        engines = {
            (backend, card.precision): stack.enter_context(engine)
            for card in cards
            for backend, engine in opened(card, threads, _to_stderr)
        }
        if not engines:
            return []
        task = plugins.task(cards[0].task)
        image = inputs(task, task.phantom(1, 0).images, cards[0].normalisation)
        seconds: dict[Any, list[float]] = {key: [] for key in engines}
        keys = list(engines)
        for number in range(rounds):
            for key in [*keys[number % len(keys) :], *keys[: number % len(keys)]]:
                seconds[key].append(_once(engines[key], image))
    chosen = {card.precision: _auto(card) for card in cards}
    return [Timing(title, *key, tuple(seconds[key]), chosen[key[1]]) for key in keys]


def _auto(card: ModelCard) -> str:
    found = tuned(card.files)
    return cheapest(found).backend if found else ""


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _once(engine: Engine, image: Tensor) -> float:
    """Seconds of one inference, among others of the same engine."""
    engine.infer(image)  # the caches are another engine's
    start = time.perf_counter()
    count = run_for(engine, image)
    return (time.perf_counter() - start) / count


def _heading(rounds: int, threads: int) -> str:
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return (
        f"{processor()}, {os.cpu_count()} processors seen, {today}. Batch 1, {threads} thread(s), "
        f"milliseconds, medians over {rounds} interleaved rounds.\n\n"
    )


def _table(timings: Sequence[Timing]) -> str:
    variants = _in_order(timings)
    first, *others = (name.upper() for name in variants)
    headings = ["network", "engine", first, *others, *(f"{first} / {other}" for other in others)]
    lines = [f"| {' | '.join(headings)} |", "| --- " * len(headings) + "|"]
    for network in dict.fromkeys(timing.network for timing in timings):
        mine = [timing for timing in timings if timing.network == network]
        for backend in dict.fromkeys(timing.backend for timing in mine):
            of_engine = [timing for timing in mine if timing.backend == backend]
            lines.append(_line(network, backend, of_engine, variants))
        lines.append(_line(network, "best of each", _best(mine), variants))
    return "\n".join(lines)


def _auto_table(timings: Sequence[Timing]) -> str:
    """What the backend `auto` takes, against the best that anybody could have named."""
    lines = ["| model | auto | | best engine | | auto / best |", "| --- " * 6 + "|"]
    for network, precision in dict.fromkeys((t.network, t.precision) for t in timings):
        mine = [t for t in timings if (t.network, t.precision) == (network, precision)]
        auto = mine[0].auto or DEFAULT
        best = min(mine, key=lambda timing: timing.median)
        taken = next((timing for timing in mine if timing.backend == auto), None)
        cells = [f"{network}, {precision.upper()}", auto if mine[0].auto else f"{auto}, not tuned"]
        cells.append(f"{1e3 * taken.median:.1f}" if taken else _MISSING)
        cells += [best.backend, f"{1e3 * best.median:.1f}"]
        cells.append(f"{_ratio(taken, best):.2f}" if taken else _MISSING)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(one: Timing, other: Timing) -> float:
    """Of each round, then the median: what slowed a round slowed both."""
    return float(np.median(np.array(one.seconds) / np.array(other.seconds)))


def _best(timings: Sequence[Timing]) -> list[Timing]:
    every = {timing.precision for timing in timings}
    return [
        min((t for t in timings if t.precision == precision), key=lambda timing: timing.median)
        for precision in every
    ]


def _in_order(timings: Sequence[Timing]) -> list[str]:
    """Each variant once, FP32 first."""
    return sorted({timing.precision for timing in timings}, key=lambda name: (name != "fp32", name))


def _line(network: str, label: str, timings: Sequence[Timing], variants: Sequence[str]) -> str:
    of = {timing.precision: timing for timing in timings}
    cells = [f"{1e3 * of[name].median:.1f}" if name in of else _MISSING for name in variants]
    first, *others = variants
    both = [first in of and name in of for name in others]
    cells += [
        f"{_ratio(of[first], of[name]):.2f}" if there else _MISSING
        for name, there in zip(others, both, strict=True)
    ]
    return f"| {network} | {label} | {' | '.join(cells)} |"
