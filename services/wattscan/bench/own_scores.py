"""What is known of files of the user's own before they are measured: agreement, and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import Agreement, ModelCard, Quality, WattscanError
from wattscan.training.own import data, engines, labels, outputs


@dataclass(frozen=True)
class FileScores:
    """Of one file: agreement with the reference, none of the reference; and its own scores."""

    agreement: tuple[Agreement, ...] = ()
    quality: tuple[Quality, ...] = ()


def evidence_of(
    cards: Sequence[ModelCard],
    samples: data.Given,
    backends: Mapping[str, str],
    settings: Mapping[str, Any],
    say: Callable[[str], None],
) -> dict[str, FileScores]:
    """By the cards' names, each file in the engine that serves it; the first is the reference.

    Raises: WattscanError: a file does not run, answers in other shapes, or the user's score fails.
    """
    found: dict[str, FileScores] = {}
    reference: outputs.Answers | None = None
    for card in cards:
        name = backends[card.name]
        with engines.engine_of(card, name, settings) as engine:
            given = engines.answers(engine, samples.samples)
            names = [spec.name for spec in engine.outputs]
        agreement: tuple[Agreement, ...] = ()
        if reference is None:
            reference = given
        else:
            compared = outputs.worst(outputs.compare(reference, given))
            agreement = tuple(c.stated(cards[0].precision, samples.name) for c in compared)
            _tell(card, cards[0], agreement, name, say)
        quality = _quality(samples, given, names)
        found[card.name] = FileScores(agreement, quality)
    return found


def _tell(
    card: ModelCard,
    first: ModelCard,
    agreement: Sequence[Agreement],
    engine: str,
    say: Callable[[str], None],
) -> None:
    for each in agreement:
        far = "" if each.is_close else ": FAR OFF, so it may not stand for the reference"
        say(
            f"{card.precision.upper()} agrees with {first.precision.upper()} in {engine}: "
            f"{each.metric} {each.value:.4f} on {each.inputs}{far}"
        )


def _quality(
    samples: data.Given, given: outputs.Answers, names: Sequence[str]
) -> tuple[Quality, ...]:
    found = []
    if samples.score is not None:
        scores = [
            _score(samples.score, dict(zip(names, arrays, strict=True)), path)
            for arrays, path in zip(given, samples.paths, strict=True)
        ]
        found.append(Quality("score", samples.name, float(np.mean(scores))))
    if samples.labels:
        area = labels.auc_roc(samples.labels, given)
        found.append(Quality(labels.METRIC, samples.name, area))
    return tuple(found)


def _score(score: Callable[..., Any], arrays: Mapping[str, Any], path: Path) -> float:
    try:
        value = float(score(arrays, path))
    except Exception as error:  # whatever the user's code does
        raise WattscanError(
            f"score(outputs, {path.name}) of --data fails: {type(error).__name__}: {error}"
        ) from None
    if not 0 <= value <= 1:
        told = f"score(outputs, {path.name}) gives {value:g}"
        raise WattscanError(f"{told}: give a score from 0 to 1")
    return value
