"""What clients saw in one timed stretch, and what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

ENOUGH_FOR_P99 = 100
"""Latencies."""


@dataclass(frozen=True)
class TimedStretch:
    """One server under one load. All durations in seconds."""

    clients: int
    inferences: int
    wall: float
    server_cpu: float
    client_cpu: float
    p50: float
    p99: float | None
    stages: dict[str, float] = field(default_factory=dict)
    """Of the bare pipeline alone: the mean time of each."""

    @property
    def cpu_per_inference(self) -> float:
        """Processor time of the server's processes and of the clients' together."""
        return (self.server_cpu + self.client_cpu) / self.inferences

    @property
    def throughput(self) -> float:
        """Inferences a second."""
        return self.inferences / self.wall


def summarise(
    clients: int, latencies: Sequence[float], wall: float, server_cpu: float, client_cpu: float
) -> TimedStretch:
    """A window from its latencies; no p99 from fewer than 100 of them.

    Raises:
        ValueError: no latencies.
    """
    if not latencies:
        raise ValueError("nothing was answered in the window")
    p50, p99 = (float(value) for value in np.quantile(np.array(latencies), (0.5, 0.99)))
    enough = len(latencies) >= ENOUGH_FOR_P99
    return TimedStretch(
        clients=clients,
        inferences=len(latencies),
        wall=wall,
        server_cpu=server_cpu,
        client_cpu=client_cpu,
        p50=p50,
        p99=p99 if enough else None,
    )
