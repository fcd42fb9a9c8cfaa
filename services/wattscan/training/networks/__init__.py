"""Network architectures: one module each, found by its name, with a `build` function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from wattscan.contracts import WattscanError

_PARTS = {"blocks"}


def build(
    name: str, input_shape: tuple[int, int, int], outputs: int, settings: Mapping[str, Any]
) -> Any:
    """A new network with random weights.

    Args:
        name: a module of this package.
        input_shape: (height, width, channels) of the input.
        outputs: findings to tell; 1 for a mask.
        settings: keyword arguments of the module's `build`.

    Returns:
        A `torch.nn.Module`, (N, C, H, W) -> logits, (N, 1, H, W) or (N, outputs).

    Raises:
        WattscanError: there is no such network.
    """
    known = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _PARTS)
    if name not in known:
        raise WattscanError(f"there is no network called {name!r}; there is: {', '.join(known)}")
    return importlib.import_module(f"{__name__}.{name}").build(input_shape, outputs, **settings)
