"""Ready-made requests of one variant of a task or model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wattscan.workloads import Workload


@dataclass(frozen=True, eq=False)
class Subject:
    """A clinical task, or another model, and the service's models of it by variant.

    `kind` is `segmentation` or `classification`; empty for a model without a task.
    """

    name: str
    kind: str
    models: Mapping[str, str]


@dataclass(frozen=True)
class Requests:
    """Requests serialized once, in a seeded order; each has `images` of them."""

    method: str
    images: int
    messages: tuple[bytes, ...]

    def message(self, number: int) -> bytes:
        """The request of that number; starts again after the last."""
        return self.messages[number % len(self.messages)]

    def close(self) -> None:
        """Nothing is held."""


class Speaks(Protocol):
    """A protocol, spoken with one service."""

    def subjects(self) -> dict[str, Subject]:
        """What the service has, by name. Raises: grpc.RpcError."""
        ...

    def requests(self, workload: Workload, subject: Subject, variant: str) -> Requests:
        """What is sent for that variant. Raises: WattscanError, grpc.RpcError."""
        ...
