"""`wattscan models tune`: the engines' costs, in joules too where this machine measures them."""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from wattscan.artifacts import find_cards
from wattscan.contracts import AUTO, ModelCard, Target, WattscanError
from wattscan.engine_choice import BATCH, Tuning
from wattscan.installation import models_folder
from wattscan.settings import MOST_THREADS, whole_number
from wattscan.targets import load_target
from wattscan.telemetry.arguments import add_place
from wattscan.telemetry.joules import Counted, counted
from wattscan.training.tune import TuneOptions, tune

_COSTS = f"What an image costs, alone / in batches of {BATCH}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan models tune`."""
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        default=models_folder(),
        help="the model folder (default: the checkout's models/)",
    )
    add_place(parser)
    parser.add_argument(
        "--again", action="store_true", help="tune again the models that have been tuned already"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=TuneOptions.budget,
        help="how many seconds the engines of one model take turns; each gets at least five turns, "
        f"about 5 s with one thread (default {TuneOptions.budget:g})",
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Tune; 0 where some model is known now, else 1. Raises: WattscanError."""
    logging.getLogger("wattscan").setLevel(logging.ERROR)  # the lines below tell
    target = load_target(options.target)
    if target.backend != AUTO:
        raise WattscanError(
            f"the target {target.name} names its engine, {target.backend}: there is nothing to "
            "tune; give a target whose backend is auto, such as cpu"
        )
    asked = TuneOptions(budget=options.seconds, again=options.again)
    cards = [card for card in find_cards(options.models) if not card.is_own]
    known = tune_models(cards, target, options.sysfs, asked, partial(print, flush=True))
    return 0 if known else 1


def tune_models(
    cards: Sequence[ModelCard],
    target: Target,
    sysfs: Path,
    asked: TuneOptions,
    say: Callable[[str], None],
) -> dict[str, Tuning]:
    """What each engine takes of each model here, by the models' names; as `training.tune.tune`.

    Args:
        cards: the models.
        target: whose threads the engines have, and whose sensors count.
        sysfs: where sysfs is mounted.
        asked: without threads and meter, which are the target's.
        say: is told what is done.

    Raises:
        WattscanError: a sensor's settings are wrong.
    """
    threads = whole_number(target.backend_settings, "threads", 1, MOST_THREADS)
    with _meter(target, sysfs, say) as meter:
        return tune(cards, replace(asked, threads=threads, meter=meter), say)


@contextlib.contextmanager
def _meter(target: Target, sysfs: Path, say: Callable[[str], None]) -> Iterator[Counted | None]:
    with counted(target, sysfs) as source:
        if isinstance(source, Counted):
            say(f"{_COSTS}: processor time and, of {source.name}, joules.")
            yield source
        else:
            say(f"{_COSTS}: processor time ({source}).")
            yield None


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0.1 <= (value := float(text)) <= 600:
            return value
    raise argparse.ArgumentTypeError("seconds from 0.1 to 600")
