"""The first inference allocates: no client should wait for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattscan.contracts import Array, TensorSpec, WattscanError, last_line
from wattscan.serving.batching.runner import Runner
from wattscan.serving.repository.config import ModelConfig


def warm_up(
    name: str, runners: Sequence[Runner], inputs: Sequence[TensorSpec], config: ModelConfig
) -> list[Array] | None:
    """Run every instance once, on zeros.

    Returns:
        The model's answer; None where a size is open and the TOML's `warm_up` names none: then
        the first request shows.

    Raises:
        WattscanError: it cannot run, or `warm_up` names no input of it.
    """
    unknown = set(config.warm_up) - {spec.name for spec in inputs}
    if unknown:
        raise WattscanError(f"{name}: warm_up names {', '.join(sorted(unknown))}, no input of it")
    shapes = _shapes(inputs, config)
    if shapes is None:
        return None
    blank = [np.zeros(shape, spec.dtype) for shape, spec in zip(shapes, inputs, strict=True)]
    answer = None
    for runner in runners:
        try:
            answer = runner.run(blank)
        except (Exception, SystemExit) as error:  # each runtime has its own
            raise WattscanError(f"{name} cannot run: {last_line(error)}") from None
    return answer


def rows_are_images(runner: Runner, inputs: Sequence[TensorSpec], config: ModelConfig) -> bool:
    """Whether two rows at once give what each gives alone.

    An open first dimension may count something else, boxes or words; then requests must not be put
    together, nor taken apart.
    """
    shapes = _shapes(inputs, config)
    if shapes is None:
        return False
    rng = np.random.default_rng(0)
    rows = [
        (2 * rng.standard_normal((2, *shape[1:]))).astype(spec.dtype)
        if spec.dtype.kind == "f"
        else np.ones((2, *shape[1:]), spec.dtype)
        for shape, spec in zip(shapes, inputs, strict=True)
    ]
    try:
        both = runner.run(rows)
        alone = [runner.run([array[k : k + 1] for array in rows]) for k in range(2)]
    except Exception:  # each runtime has its own
        return False
    pairs = zip(both, *alone, strict=True)
    return all(_same(together, np.concatenate(parts)) for together, *parts in pairs)


def _same(together: Array, apart: Array) -> bool:
    if together.shape != apart.shape or len(together) != 2:
        return False
    return bool(np.allclose(together, apart, rtol=1e-2, atol=1e-3, equal_nan=True))


def _shapes(inputs: Sequence[TensorSpec], config: ModelConfig) -> list[tuple[int, ...]] | None:
    """Of one row; None where a size is open and the TOML names none."""
    if any(-1 in spec.shape[1:] for spec in inputs if spec.name not in config.warm_up):
        return None
    return [config.warm_up.get(spec.name, tuple(map(abs, spec.shape))) for spec in inputs]
