"""Network architectures: one module each, found by its name, with a `build` function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from wattscan.contracts import WattscanError


def build(name: str, input_shape: tuple[int, int, int], settings: Mapping[str, Any]) -> Any:
    """A new network with random weights.

    Args:
        name: a module of this package.
        input_shape: (height, width, channels) of the input.
        settings: keyword arguments of the module's `build`.

    Returns:
        A `torch.nn.Module`, (N, C, H, W) -> logits.

    Raises:
        WattscanError: there is no such network.
    """
    known = sorted(m.name for m in pkgutil.iter_modules(__path__))
    if name not in known:
        raise WattscanError(f"there is no network called {name!r}; there is: {', '.join(known)}")
    return importlib.import_module(f"{__name__}.{name}").build(input_shape, **settings)
