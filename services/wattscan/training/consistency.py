"""Do the cards of a model folder describe whole models, and two variants of one network?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wattscan.artifacts import SYMMETRIC
from wattscan.contracts import PRECISIONS, ModelCard, Task
from wattscan.training.card import FORMATS
from wattscan.training.engines import Line, Verdict

QUALITY_TOLERANCE = 0.005
"""How far INT8's score may lie from FP32's."""
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
    """For each task: both precisions, of one training, and near in quality."""
    for name in dict.fromkeys(card.task for card in cards):
        mine = {card.precision: card for card in cards if card.task == name}
        missing = [precision for precision in PRECISIONS if precision not in mine]
        if missing:
            yield _line(name, "fp32 and int8", [f"{', '.join(missing)} is missing"], "")
        else:
            yield _pair(name, mine["fp32"], mine["int8"])


def _formats(card: ModelCard) -> Iterator[str]:
    formats = sorted(file.format for file in card.files)
    # TensorRT's form is INT8's, and comes when it is asked for.
    extra = [SYMMETRIC] if card.precision == "int8" and SYMMETRIC in formats else []
    if formats != sorted([*FORMATS, *extra]):
        yield f"its files are {', '.join(formats) or 'none'}, not one {' and one '.join(FORMATS)}"


def _fields(card: ModelCard, task: Task) -> Iterator[str]:
    if card.details.get("input_shape") != list(task.input_shape):
        yield f"input_shape is not {list(task.input_shape)}"
    if "not for diagnosis" not in str(card.details.get("intended_use", "")).lower():
        yield "its intended use does not exclude diagnosis"
    if [quality.metric for quality in card.quality] != [task.metric]:
        yield f"it does not have one score, of {task.metric}"


def _pair(name: str, fp32: ModelCard, int8: ModelCard) -> Line:
    same = ("seed", "data", "fit", "network")
    problems = [
        f"the two differ in {key}" for key in same if fp32.details.get(key) != int8.details.get(key)
    ]
    if fp32.normalisation != int8.normalisation:
        problems.append("the two differ in normalisation")
    if not fp32.quality or not int8.quality:
        return _line(name, "fp32 and int8", [*problems, "a score is missing"], "")
    change = int8.quality[0].value - fp32.quality[0].value
    if abs(change) > QUALITY_TOLERANCE:
        problems.append(f"INT8 - FP32 is {change:+.4f}, more than {QUALITY_TOLERANCE}")
    stated = int8.quality[0].difference
    if stated is None:
        problems.append("the INT8 card gives no interval")
    elif not stated.lower <= stated.estimate <= stated.upper:
        problems.append("the INT8 card's interval does not hold its estimate")
    elif abs(stated.estimate - change) > _ROUNDING:
        problems.append("the INT8 card's difference is not that of the scores")
    return _line(name, "fp32 and int8", problems, f"one training, INT8 - FP32 {change:+.4f}")


def _line(model: str, check: str, problems: Sequence[Any], note: str) -> Line:
    verdict: Verdict = "FAILED" if problems else "ok"
    return Line(model, check, verdict, "; ".join(problems) or note)
