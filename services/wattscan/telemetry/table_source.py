"""Which domain the tables read."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.telemetry.domains import Domain, DomainKey
from wattscan.telemetry.integrate import GAP_INTERVALS
from wattscan.telemetry.state import SensorState
from wattscan.units import Seconds

_STARTING = Seconds(5.0)


class TableSource:
    """The first domain of the first sensor, in the order given, that has power or energy.

    When it has been silent for so long that its gap is not joined, the next one that speaks takes
    its place, and keeps it: a source that comes and goes would make of every run a patchwork. Only
    in the first seconds does a better one that is slow to start replace it.
    """

    def __init__(self, states: Sequence[SensorState]) -> None:
        self._states = states
        self._chosen: tuple[SensorState, Domain] | None = None
        self._begin: Seconds | None = None

    @property
    def key(self) -> DomainKey | None:
        """None: nothing has spoken yet."""
        return self._chosen[1].key if self._chosen else None

    def elect(self, now: Seconds) -> DomainKey | None:
        """The domain that counts from now on."""
        self._begin = now if self._begin is None else self._begin
        starting = now - self._begin < _STARTING
        if self._chosen is None or starting or self._silent(*self._chosen, now):
            # Of each sensor its first domain alone: a rail does not stand for its board, nor one
            # GPU for another.
            firsts = ((s, d) for s in self._states for d in list(s.domains.values())[:1])
            speaking = ((s, d) for s, d in firsts if d.present)
            self._chosen = next(speaking, self._chosen)
        return self.key

    def _silent(self, state: SensorState, domain: Domain, now: Seconds) -> bool:
        last = domain.last_read
        patience = GAP_INTERVALS * state.wanted_interval
        return not domain.present and (last is None or now - last > patience)
