"""What is verified, and how long each step of it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wattscan.telemetry.domains import Domain
from wattscan.telemetry.proof import update_period
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.verify.results import VerifiedSource
from wattscan.units import Seconds


@dataclass(frozen=True)
class VerifyPlan:
    """How long each step lasts and what is waited for before it (a load must start, and a power may
    be the mean of the last second), the levels of the load, and who is told how far it is."""

    seconds: Seconds
    settle: Seconds
    levels: Sequence[float]
    tell: Callable[[str], None]


def sources_in(sampler: Sampler) -> Iterator[tuple[VerifiedSource, Domain]]:
    """The domains of the sensors that measure, as far as they are proven."""
    for state in sampler.states:
        if not state.measures:
            continue
        device = state.device()
        for domain in state.domains.values():
            if domain.present:
                key = domain.key
                yield VerifiedSource(
                    key.sensor, key.domain, key.scope, key.method == "counter",
                    domain.uncertainty_ratio, update_period(state.sensor, state.choice),
                    domain is device,
                ), domain  # fmt: skip


def is_comparable(one: VerifiedSource, other: VerifiedSource) -> bool:
    """Whether two sensors have them, and both are of one device: by name, or as the tables' one."""
    if one.sensor == other.sensor or one.scope != other.scope:
        return False
    return one.domain == other.domain or (one.is_device and other.is_device)
