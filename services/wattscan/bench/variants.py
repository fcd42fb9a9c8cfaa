"""Which variants of which tasks a run measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wattscan.artifacts import find_cards
from wattscan.contracts import WattscanError


def choose(
    models: Path, tasks: Sequence[str], variants: Sequence[str], reference: str
) -> dict[str, tuple[str, ...]]:
    """The variants of each task, the reference first.

    Args:
        models: the model folder.
        tasks: those that were asked for; none: every task that the folder has.
        variants: those that were asked for; none: every one that the folder has of a task.
        reference: what they are compared with; it is measured too.

    Raises:
        WattscanError: the folder lacks one of them.
    """
    have: dict[str, list[str]] = {}
    for card in find_cards(models):
        have.setdefault(card.task, []).append(card.precision)
    return {
        task: _of_task(models, have, task, variants, reference)
        for task in dict.fromkeys(tasks or sorted(have))
    }


def _of_task(
    models: Path,
    have: Mapping[str, Sequence[str]],
    task: str,
    variants: Sequence[str],
    reference: str,
) -> tuple[str, ...]:
    if task not in have:
        raise WattscanError(f"{models} has no model of {task!r}; it has: {', '.join(sorted(have))}")
    there = sorted(set(have[task]))
    # A report has FP32 in capitals: it may be typed so.
    asked = [n if n in there else n.lower() for n in (reference, *(variants or there))]
    wanted = tuple(dict.fromkeys(asked))
    missing = [name for name in wanted if name not in there]
    if missing:
        raise WattscanError(
            f"{models} has no {' and no '.join(missing)} model of {task!r}; it has: "
            f"{', '.join(there)}. --task and --variants name what to measure, --reference the "
            "variant that the others are compared with"
        )
    return wanted
