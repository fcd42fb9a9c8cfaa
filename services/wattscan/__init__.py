"""Wattscan: what one medical scan costs on a hardware target, in joules.

What a program may use is here; all else may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattscan.client import (
        AsyncClient,
        Classification,
        Client,
        Inference,
        Receipt,
        RequestFailed,
        Segmentation,
        ServedModel,
        Tls,
    )
    from wattscan.collector.frames import load_tables
    from wattscan.contracts import WattscanError
    from wattscan.measuring import Energy, Measurement, measure

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "Energy",
    "Inference",
    "Measurement",
    "Receipt",
    "RequestFailed",
    "Segmentation",
    "ServedModel",
    "Tls",
    "WattscanError",
    "__version__",
    "load_tables",
    "measure",
]

# Loaded when they are first used: `import wattscan` itself takes no time, and needs no gRPC.
_PLACES = {
    **dict.fromkeys(
        ("AsyncClient", "Classification", "Client", "Inference", "Receipt", "RequestFailed",
         "Segmentation", "ServedModel", "Tls"), "wattscan.client"),
    **dict.fromkeys(("Energy", "Measurement", "measure"), "wattscan.measuring"),
    "WattscanError": "wattscan.contracts",
    "load_tables": "wattscan.collector.frames",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'wattscan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
