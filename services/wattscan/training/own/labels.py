"""`label(path)` of `--data`: what is true of an input, and how well a file's answers tell it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical.auc import mean_auc_roc
from wattscan.contracts import WattscanError
from wattscan.training.own.outputs import Answers

METRIC = "auc_roc"
Label: TypeAlias = "int | tuple[int, ...]"
"""The number of a class, or 0 or 1 for each finding."""


def read(module: ModuleType | None, paths: Sequence[Path]) -> tuple[Label, ...]:
    """The label of each file; none where the user's code has no `label`.

    Raises:
        WattscanError: `label` fails, or gives something else.
    """
    label = getattr(module, "label", None)
    return tuple(_label(label, path) for path in paths) if label is not None else ()


def _label(label: Any, path: Path) -> Label:
    try:
        given = np.asarray(label(path))
    except Exception as error:  # whatever the user's code does
        raise WattscanError(
            f"label({path.name}) of --data fails: {type(error).__name__}: {error}"
        ) from None
    is_whole = given.dtype.kind in "biu" or (given.dtype.kind == "f" and (given % 1 == 0).all())
    if not is_whole or given.ndim > 1 or not given.size or (given < 0).any():
        raise WattscanError(
            f"label({path.name}) gives {given.tolist()!r}: return the number of a class, from 0, "
            "or a list with 0 or 1 for each finding"
        )
    if given.ndim == 0:
        return int(given)
    if (given > 1).any():
        raise WattscanError(f"label({path.name}) gives {given.tolist()!r}: a finding is 0 or 1")
    return tuple(int(each) for each in given)


def auc_roc(labels: Sequence[Label], answers: Answers) -> float:
    """The area under the ROC curve, mean over classes or findings; 0 where an answer is NaN.

    Args:
        labels: one for each answer.
        answers: of each sample the outputs; the first one with two axes, (1, N), is scored.

    Raises:
        WattscanError: no output fits the labels, or all samples have the same ones.
    """
    rows = [_scores(outputs) for outputs in answers]
    scores = np.concatenate(rows).astype(np.float32)
    truth = _truth(labels, scores.shape[1])
    if np.isnan(scores).any():
        return 0.0
    try:
        return mean_auc_roc(scores, truth)
    except ValueError:
        raise WattscanError(
            "label of --data gives every input the same label, so no AUC-ROC can be told: give "
            "inputs with a finding and without it"
        ) from None


def _scores(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    for output in outputs:
        if output.ndim == 2 and len(output) == 1:
            return output
    shapes = ", ".join(str(list(output.shape)) for output in outputs)
    raise WattscanError(
        f"label of --data goes with an output of classes or findings, [1, N]; the file gives "
        f"{shapes}: leave out label, or give score(outputs, path)"
    )


def _truth(labels: Sequence[Label], columns: int) -> NDArray[np.uint8]:
    """(N, columns), 0 or 1."""
    truth = np.zeros((len(labels), columns), np.uint8)
    for row, label in zip(truth, labels, strict=True):
        if isinstance(label, tuple):
            if len(label) != columns:
                raise WattscanError(
                    f"label of --data gives {len(label)} findings, and the file answers with "
                    f"{columns}: give one for each"
                )
            row[:] = label
        elif columns == 1 and label < 2:
            row[0] = label
        elif label < columns:
            row[label] = 1
        else:
            raise WattscanError(
                f"label of --data gives class {label}, and the file tells {columns} classes "
                "from 0 on"
            )
    return truth
