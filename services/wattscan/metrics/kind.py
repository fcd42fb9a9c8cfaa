"""What a metric is."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """One metric family. A counter's `name` ends in `_total`, as its samples do."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


def metric(name: str, kind: Kind, labels: str, help_text: str) -> Metric:
    """A family; `labels` has spaces between them."""
    return Metric(name, kind, tuple(labels.split()), help_text)


def metrics_of(module: ModuleType) -> tuple[Metric, ...]:
    """Those that it declares, in its order."""
    return tuple(value for value in vars(module).values() if isinstance(value, Metric))
