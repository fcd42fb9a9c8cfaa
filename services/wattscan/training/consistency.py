"""Do the cards of a model folder describe whole models, and two variants of one network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wattscan.artifacts import SYMMETRIC
from wattscan.contracts import ModelCard, Task
from wattscan.training.card import FORMATS
from wattscan.training.engines import Line, Verdict

QUALITY_TOLERANCE = 0.005
"""How far a variant's score may lie from FP32's."""
_ROUNDING = 2e-6


def card_line(card: ModelCard, task: Task) -> Line:
    """One card by itself."""
    table = card.details.get("data")
    problems = [
        *_formats(card),
        *_fields(card, task),
        *([] if isinstance(table, Mapping) else ["it does not say which data it was trained on"]),
    ]
    if isinstance(table, Mapping) and table.get("kind") == "phantom":
        named = {quality.dataset for quality in card.quality}
        if named != {task.phantom_dataset}:
            problems.append(f"trained on a phantom, scored on {', '.join(sorted(named))}")
    return _line(card.name, "card", problems, "both formats, its task's shape and data set")


def pair_lines(cards: Sequence[ModelCard]) -> Iterator[Line]:
    """For each task: FP32 and the other variants, of one training, and near in quality."""
    for name in dict.fromkeys(card.task for card in cards):
        mine = {card.precision: card for card in cards if card.task == name}
        fp32 = mine.pop("fp32", None)
        if fp32 is not None and mine:
            yield from (_pair(name, fp32, card) for card in mine.values())
        else:
            missing = "another variant" if fp32 else "fp32"
            yield _line(name, "variants", [f"{missing} is missing"], "")


def _formats(card: ModelCard) -> Iterator[str]:
    formats = sorted(file.format for file in card.files)
    # TensorRT's form is INT8's, and comes when it is asked for.
    extra = [SYMMETRIC] if card.datatype == "int8" and SYMMETRIC in formats else []
    if formats != sorted([*FORMATS, *extra]):
        yield f"its files are {', '.join(formats) or 'none'}, not one {' and one '.join(FORMATS)}"


def _fields(card: ModelCard, task: Task) -> Iterator[str]:
    if card.details.get("input_shape") != list(task.input_shape):
        yield f"input_shape is not {list(task.input_shape)}"
    if "not for diagnosis" not in str(card.details.get("intended_use", "")).lower():
        yield "its intended use does not exclude diagnosis"
    if [quality.metric for quality in card.quality] != [task.metric]:
        yield f"it does not have one score, of {task.metric}"


def _pair(task: str, fp32: ModelCard, card: ModelCard) -> Line:
    check, name = f"fp32 and {card.precision}", card.precision.upper()
    same = ("seed", "data", "fit", "network")
    problems = [
        f"the two differ in {key}" for key in same if fp32.details.get(key) != card.details.get(key)
    ]
    if fp32.normalisation != card.normalisation:
        problems.append("the two differ in normalisation")
    if not fp32.quality or not card.quality:
        return _line(task, check, [*problems, "a score is missing"], "")
    change = card.quality[0].value - fp32.quality[0].value
    if abs(change) > QUALITY_TOLERANCE:
        problems.append(f"{name} - FP32 is {change:+.4f}, more than {QUALITY_TOLERANCE}")
    stated = card.quality[0].difference
    if stated is None:
        problems.append(f"the {name} card gives no interval")
    elif not stated.lower <= stated.estimate <= stated.upper:
        problems.append(f"the {name} card's interval does not hold its estimate")
    elif abs(stated.estimate - change) > _ROUNDING:
        problems.append(f"the {name} card's difference is not that of the scores")
    return _line(task, check, problems, f"one training, {name} - FP32 {change:+.4f}")


def _line(model: str, check: str, problems: Sequence[Any], note: str) -> Line:
    verdict: Verdict = "FAILED" if problems else "ok"
    return Line(model, check, verdict, "; ".join(problems) or note)
