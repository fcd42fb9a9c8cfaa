"""Has an engine compute requests: together, in parts, or one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wattscan.contracts import Array
from wattscan.serving.batching.runner import Runner
from wattscan.serving.batching.work import Work, count_rows


def compute(runner: Runner, batch: Sequence[Work], most: int, begin: Callable[[], None]) -> None:
    """Give each its rows, or the engine's error.

    Args:
        runner: the engine.
        batch: requests of one shape.
        most: rows that it takes at once. Memory grows with them, so that a request with more is
            computed in parts.
        begin: called before each run.
    """
    if len(batch) > 1 and _computed(runner, batch, most, begin):
        return
    # What one of them has broken is not the others'.
    for work in batch:
        _computed(runner, [work], most, begin)


def _computed(runner: Runner, batch: Sequence[Work], most: int, begin: Callable[[], None]) -> bool:
    """Whether all have their rows. A lone one that has not has the error."""
    rows = count_rows(batch)
    try:
        outputs = _outputs(runner, batch, rows, most, begin)
    except BaseException as error:
        # Such as SystemExit from a runtime: it must not end a thread that others wait for.
        failure = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
        if len(batch) == 1:
            batch[0].error = failure
        return False
    if len(batch) > 1 and any(len(array) != rows for array in outputs):
        return False  # its rows are not its images: whose they are cannot be told
    batch[0].led = True
    for work in batch:
        work.batch_size = rows
    _share_out(outputs, batch)
    return True


def _outputs(
    runner: Runner, batch: Sequence[Work], rows: int, most: int, begin: Callable[[], None]
) -> list[Array]:
    inputs: Sequence[Array] = batch[0].inputs
    if len(batch) > 1:
        columns = zip(*(work.inputs for work in batch), strict=True)
        inputs = [np.concatenate(column) for column in columns]
    if rows <= most:
        begin()
        return runner.run(inputs)
    return _in_parts(runner, batch[0], most, begin)


def _in_parts(runner: Runner, work: Work, most: int, begin: Callable[[], None]) -> list[Array]:
    """A request that is larger than a batch, which is then alone in its own."""
    parts = []
    for start in range(0, work.rows, most):
        refusal = work.refusal() if start else None
        if refusal is not None:
            raise refusal
        begin()
        parts.append(runner.run([array[start : start + most] for array in work.inputs]))
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _share_out(outputs: Sequence[Array], batch: Sequence[Work]) -> None:
    if len(batch) == 1:
        batch[0].outputs = outputs
        return
    start = 0
    for work in batch:
        # Copied: who takes its answer slowly would keep the others' rows too.
        work.outputs = [array[start : start + work.rows].copy() for array in outputs]
        start += work.rows
