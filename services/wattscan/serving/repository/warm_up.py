"""The first inference allocates: no client should wait for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattscan.contracts import Array, TensorSpec, WattscanError
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
    shapes = [config.warm_up.get(spec.name, tuple(map(abs, spec.shape))) for spec in inputs]
    open_sizes = any(-1 in spec.shape[1:] for spec in inputs if spec.name not in config.warm_up)
    if open_sizes:
        return None
    blank = [np.zeros(shape, spec.dtype) for shape, spec in zip(shapes, inputs, strict=True)]
    answer = None
    for runner in runners:
        try:
            answer = runner.run(blank)
        except (Exception, SystemExit) as error:  # each runtime has its own
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise WattscanError(f"{name} cannot run: {line}") from None
    return answer
