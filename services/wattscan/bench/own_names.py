"""Files of the user's own as variants of one model: what each is called, and whether they fit."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from wattscan.contracts import ModelCard, WattscanError, split_name
from wattscan.training.own import engines, form

_LONGEST = 24


def named(files: Sequence[Path]) -> list[ModelCard]:
    """A card for each file, as variants of one model: a variant's name is its data type, with the
    file's name behind it where two have the same.

    Raises: WattscanError.
    """
    paths = [Path(os.path.realpath(path)) for path in files]
    if len(set(paths)) < len(paths):
        raise WattscanError("a file is given twice with --model: give each once")
    for path in files:
        form.format_of(path)
    subject = _plain(split_name(files[0].stem)[0]) or "model"
    cards: list[ModelCard] = []
    for path in files:
        kind = form.datatype_in(path)
        taken = {card.precision for card in cards}
        choices = [kind, f"{kind}-{_plain(path.stem)}", *(f"{kind}-{n}" for n in range(2, 99))]
        free = (c for c in choices if c not in taken and _is_whole(subject, c))
        cards.append(form.card_of(subject, next(free), path))
    digests = {card.files[0].sha256 for card in cards}
    if len(digests) < len(cards):
        raise WattscanError("two of the files given with --model are the same, byte for byte")
    return cards


def check_inputs(cards: Sequence[ModelCard]) -> None:
    """Raises: WattscanError: one takes other tensors than the reference."""
    shapes = [[spec.shape for spec in engines.inputs_of(card)] for card in cards]
    for card, own in zip(cards, shapes, strict=True):
        fits = len(own) == len(shapes[0]) and all(map(_fit, own, shapes[0]))
        if not fits:
            here, there = ([list(shape) for shape in each] for each in (shapes[0], own))
            raise WattscanError(
                f"{cards[0].files[0].path} takes {here}, and {card.files[0].path} takes {there}: "
                "the files of a run take the same tensors; measure an ONNX and a TFLite file of "
                "one model in a run each"
            )


def _fit(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether one array can have both shapes; -1 is any size."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(-1 in pair or pair[0] == pair[1] for pair in pairs)


def _is_whole(subject: str, variant: str) -> bool:
    return split_name(f"{subject}-{variant}") == (subject, variant)


def _plain(stem: str) -> str:
    """As part of a model's name."""
    words = re.findall(r"[A-Za-z0-9]+", stem)
    return "-".join(words)[:_LONGEST].strip("-").lower()
