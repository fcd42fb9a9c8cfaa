"""`wattscan models tune`: which engine costs the least on this machine, for each model?

Every engine that reproduces the model runs in every round, alone and with a batch, in an order of
its own; what is kept of each is the median over the rounds (`engine_choice`).
"""

from __future__ import annotations

import contextlib
import datetime
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np

from wattscan import engine_choice, plugins
from wattscan.contracts import Engine, ModelCard, Tensor, WattscanError
from wattscan.engine_choice import BATCH, Choice, Cost, Tuning
from wattscan.training.agreement import REFERENCE, compared
from wattscan.training.data import inputs
from wattscan.training.steady import BLOCK, opened, run_for
from wattscan.units import Joules, Seconds

_ROUNDS = 5
_SEED = 47


class Meter(Protocol):
    """Counts the joules of the device that computes."""

    @property
    def name(self) -> str:
        """Of the sensor."""

    @property
    def block(self) -> Seconds:
        """How long a piece of work must last for its joules to be told from the next one's."""

    def read(self) -> Joules | None:
        """Counted since some moment; None: it cannot be told now."""


@dataclass(frozen=True)
class TuneOptions:
    """`threads` of each engine; `budget`: for so many seconds the engines take turns with a model,
    five turns each at least; `again`: also models of which it is kept already; `meter`, where there
    is one."""

    threads: int = 1
    budget: float = 10.0
    again: bool = False
    meter: Meter | None = None
    measure: Measure | None = None
    """Measures one model; None: as a task's, on phantom images."""


Say: TypeAlias = Callable[[str], None]
Measure: TypeAlias = Callable[[ModelCard, TuneOptions, Say], Tuning | None]
"""Of one model: what an image costs in each engine; None where no engine runs it."""


@dataclass(frozen=True)
class _TuneRun:
    backend: str
    batch: int


def tune(
    cards: Sequence[ModelCard], options: TuneOptions, say: Callable[[str], None]
) -> dict[str, Tuning]:
    """Measure and keep what an image of each model costs in each engine; `say` is told a line a
    model.

    Returns:
        What is known now, by the models' names; those that no engine here runs are left out.

    Raises:
        WattscanError: what was found cannot be kept.
    """
    known: dict[str, Tuning] = {}
    for number, card in enumerate(cards, 1):
        place = f"{number} of {len(cards)}  {card.name}"
        kept = None if options.again else _kept(card, options)
        if kept is None:
            say(f"{place}: measuring ...")
        found = kept or (options.measure or _measure)(card, options, say)
        if found is None:
            say(f"{place}: no engine that is installed runs it")
            continue
        if kept is None:
            engine_choice.keep(card.files, found)
        known[card.name] = found
        say(f"{place}: {_told(found)}{f'; measured on {found.date}' if kept else ''}")
    return known


def _kept(card: ModelCard, options: TuneOptions) -> Tuning | None:
    """What was measured as it would be measured now."""
    kept = engine_choice.tuned(card.files)
    if kept is None or kept.threads != options.threads:
        return None
    return None if options.meter and options.meter.name != kept.meter else kept


def choice_told(choice: Choice) -> str:
    """For a reader."""
    if choice.max_batch_size > 1:
        return f"{choice.backend}, batches of up to {choice.max_batch_size}"
    return choice.backend


def cost_told(cost: Cost) -> str:
    """For a reader."""
    joules = "" if cost.joules is None else f" {cost.joules:.2g} J"
    return f"{1e3 * cost.seconds:.1f} ms{joules}"


def _told(found: Tuning) -> str:
    each = ", ".join(
        f"{name} {cost_told(cost)} / {cost_told(found.together[name])}"
        for name, cost in sorted(found.alone.items(), key=lambda pair: pair[1].seconds)
    )
    return f"{choice_told(engine_choice.cheapest(found))}  [{each}]"


def _measure(card: ModelCard, options: TuneOptions, say: Callable[[str], None]) -> Tuning | None:
    task = plugins.task(card.task)
    images = inputs(task, task.phantom(BATCH, seed=_SEED).images, card.normalisation)
    with contextlib.ExitStack() as stack:
        engines: dict[str, Engine] = {}
        for name, each in opened(card, options.threads, say):
            engine = stack.enter_context(each)
            if _takes(engine, images, f"{card.name}: without {name}", say):
                engines[name] = engine
        is_compared = REFERENCE in engines
        if engines and not is_compared:
            say(
                f"{card.name}: not compared with {REFERENCE}, which is not here: whether the "
                "engines answer as the model's file says is not known"
            )
        for name, note in _otherwise(card, engines, images).items():
            say(f"{card.name}: without {name}, which answers otherwise than {REFERENCE}: {note}")
            del engines[name]
        if not engines:
            return None
        found = costs_in(card.name, engines, images, options, say)
        return replace(found, compared=is_compared)


def costs_in(
    name: str, engines: Mapping[str, Engine], images: Tensor, options: TuneOptions, say: Say
) -> Tuning:
    """What an image of a model costs in each engine, of those that are open.

    Args:
        name: the model's, in what `say` is told.
        engines: by their names.
        images: `BATCH` of them.
        options: as `tune` has them.
        say: is told what went wrong.
    """
    costs = _rounds(engines, images, options)
    alone, together = (
        {run.backend: cost for run, cost in costs.items() if run.batch == batch}
        for batch in (1, BATCH)
    )
    counted = all(cost.joules is not None for cost in costs.values())
    if options.meter and not counted:
        say(f"{name}: {options.meter.name} fell silent: processor time alone")
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    meter = options.meter.name if options.meter and counted else ""
    return Tuning(alone, together, today, options.threads, meter)


def _rounds(
    engines: Mapping[str, Engine], images: Tensor, options: TuneOptions
) -> dict[_TuneRun, Cost]:
    runs = [_TuneRun(name, batch) for name in engines for batch in (1, BATCH)]
    took: dict[_TuneRun, list[Cost]] = {run: [] for run in runs}
    order = np.random.default_rng(_SEED)
    end = time.monotonic() + options.budget
    while len(took[runs[0]]) < _ROUNDS or time.monotonic() < end:
        for place in order.permutation(len(runs)):
            run = runs[place]
            took[run].append(_once(engines[run.backend], images[: run.batch], options.meter))
    return {run: _median(costs) for run, costs in took.items()}


def _once(engine: Engine, images: Tensor, meter: Meter | None) -> Cost:
    """Of one image: this process's processor time, all threads together, and joules."""
    engine.infer(images)  # the caches are another engine's
    before = meter.read() if meter else None
    start = time.process_time()
    count = run_for(engine, images, meter.block if meter else BLOCK)
    seconds = (time.process_time() - start) / count
    after = meter.read() if meter else None
    if before is None or after is None or after < before:
        return Cost(seconds)
    return Cost(seconds, (after - before) / count)


def _median(costs: Sequence[Cost]) -> Cost:
    joules = [cost.joules for cost in costs if cost.joules is not None]
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(joules) if len(joules) == len(costs) else None,
    )


def _takes(engine: Engine, images: Tensor, without: str, say: Callable[[str], None]) -> bool:
    """Whether it computes a batch."""
    try:
        engine.infer(images)
    except WattscanError as error:
        say(f"{without}: {error}")
        return False
    return True


def _otherwise(card: ModelCard, engines: Mapping[str, Engine], images: Tensor) -> dict[str, str]:
    """The engines that answer otherwise than the reference, and how."""
    if REFERENCE not in engines:
        return {}
    task = plugins.task(card.task)
    right = _one_by_one(engines[REFERENCE], images)
    found = {}
    for name, engine in engines.items():
        for logits in (_one_by_one(engine, images), engine.infer(images)):
            agree, note = compared(task, card.datatype, right, logits)
            if not agree:
                found[name] = note
    return found


def _one_by_one(engine: Engine, images: Tensor) -> Tensor:
    return np.concatenate([engine.infer(image[np.newaxis]) for image in images])
