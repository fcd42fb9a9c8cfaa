"""`wattscan models benchmark`: how much faster is INT8 than FP32, in each engine that is here?

Every engine of every variant runs in every round, in an order that turns, so that what disturbs the
machine disturbs all alike; each figure is a median over the rounds. Figures of two runs are not to
be compared, the ratios of one run are.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.contracts import PRECISIONS, Engine, ModelCard, Precision, Tensor, WattscanError
from wattscan.training.data import inputs

_WARM_UP = 3
_MISSING = "-"


@dataclass(frozen=True)
class Timing:
    """Seconds of one inference of one image, a figure a round."""

    network: str
    backend: str
    precision: Precision
    seconds: tuple[float, ...]


def benchmark(folders: Sequence[Path], rounds: int, threads: int) -> str:
    """Time every model of the folders, batch 1, and return a Markdown table.

    Args:
        folders: model folders.
        rounds: how often each engine runs each variant.
        threads: of each engine.

    Raises:
        WattscanError: no models, or no engine that runs any of them.
    """
    timings: list[Timing] = []
    for folder in folders:
        cards = find_cards(folder)
        for name in dict.fromkeys((card.task, card.network) for card in cards):
            chosen = [card for card in cards if (card.task, card.network) == name]
            print(f"timing {name[0]}, {name[1]}", file=sys.stderr, flush=True)
            timings += _timed(chosen, rounds, threads, _title(folder, name, timings))
    if not timings:
        raise WattscanError("none of these models could be opened in an engine that is installed")
    return _heading(rounds, threads) + _table(timings)


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
            for backend, engine in _engines(card, threads)
        }
        if not engines:
            return []
        task = plugins.task(cards[0].task)
        image = inputs(task, task.phantom(1, 0).images, cards[0].normalisation)
        seconds: dict[Any, list[float]] = {key: [] for key in engines}
        keys = list(engines)
        for number in range(-_WARM_UP, rounds):
            for key in [*keys[number % len(keys) :], *keys[: number % len(keys)]]:
                took = _once(engines[key], image)
                if number >= 0:
                    seconds[key].append(took)
    return [Timing(title, *key, tuple(seconds[key])) for key in keys]


def _engines(
    card: ModelCard, threads: int
) -> Iterator[tuple[str, contextlib.AbstractContextManager[Engine]]]:
    for name in plugins.names("backends"):
        backend = plugins.backend(name)
        try:
            path = model_file(card, backend.FORMAT).path
            engine = backend.open_engine(path, {"threads": threads})
        except WattscanError as error:
            print(f"{card.name}: without {name}: {error}", file=sys.stderr)
            continue
        yield name, contextlib.closing(engine)


def _once(engine: Engine, image: Tensor) -> float:
    start = time.perf_counter()
    engine.infer(image)
    return time.perf_counter() - start


def _heading(rounds: int, threads: int) -> str:
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return (
        f"{_processor()}, {os.cpu_count()} processors seen, {today}. Batch 1, {threads} thread(s), "
        f"milliseconds, medians over {rounds} interleaved rounds.\n\n"
    )


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _table(timings: Sequence[Timing]) -> str:
    lines = ["| network | engine | FP32 | INT8 | FP32 / INT8 |", "| --- | --- | --- | --- | --- |"]
    for network in dict.fromkeys(timing.network for timing in timings):
        mine = [timing for timing in timings if timing.network == network]
        for backend in dict.fromkeys(timing.backend for timing in mine):
            lines.append(_line(network, backend, [t for t in mine if t.backend == backend]))
        lines.append(_line(network, "best of each", _best(mine)))
    return "\n".join(lines)


def _best(timings: Sequence[Timing]) -> list[Timing]:
    return [
        min(of_precision, key=lambda timing: statistics.median(timing.seconds))
        for precision in PRECISIONS
        if (of_precision := [timing for timing in timings if timing.precision == precision])
    ]


def _line(network: str, label: str, timings: Sequence[Timing]) -> str:
    by_precision = {timing.precision: timing for timing in timings}
    cells = [
        f"{1e3 * statistics.median(by_precision[p].seconds):.1f}" if p in by_precision else _MISSING
        for p in PRECISIONS
    ]
    ratio = _MISSING
    if len(by_precision) == len(PRECISIONS):
        # Of each round, then the median: what slowed a round slowed both.
        fp32, int8 = (np.array(by_precision[p].seconds) for p in PRECISIONS)
        ratio = f"{float(np.median(fp32 / int8)):.2f}"
    return f"| {network} | {label} | {' | '.join(cells)} | {ratio} |"
