"""Which domain the tables read."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.telemetry.domains import AnyDomain, DomainKey
from wattscan.telemetry.integrate import GAP_INTERVALS
from wattscan.telemetry.state import SensorState
from wattscan.units import Seconds

_STARTING = Seconds(5.0)


class TableSource:
    """The device of the first sensor, in the order given, that has power or energy.

    When it has been silent for so long that its gap is not joined, the next one that speaks takes
    its place, and keeps it: a source that comes and goes would make of every run a patchwork. Only
    in the first seconds does a better one that is slow to start replace it; what measures replaces
    a model whenever it is proven.
    """

    def __init__(self, states: Sequence[SensorState]) -> None:
        self._states = states
        self._chosen: tuple[SensorState, AnyDomain] | None = None
        self._begin: Seconds | None = None

    @property
    def domain(self) -> AnyDomain | None:
        """None: nothing has spoken yet."""
        return self._chosen[1] if self._chosen else None

    @property
    def key(self) -> DomainKey | None:
        """Its labels."""
        return self._chosen[1].key if self._chosen else None

    def begin_anew(self) -> None:
        """Its first seconds begin again."""
        self._begin = None

    def elect(self, now: Seconds) -> DomainKey | None:
        """The domain that counts from now on."""
        self._begin = now if self._begin is None else self._begin
        if self._chosen is None or self._may_change(*self._chosen, now):
            speaking = [(s, d) for s in self._states if (d := s.device()) is not None]
            # A stable sort: the measured ones first, each kind in the order of preference.
            speaking.sort(key=lambda pair: pair[0].method == "modelled")
            self._chosen = speaking[0] if speaking else self._chosen
        return self.key

    def _may_change(self, state: SensorState, domain: AnyDomain, now: Seconds) -> bool:
        starting = self._begin is not None and now - self._begin < _STARTING
        return starting or state.method == "modelled" or self._silent(state, domain, now)

    def _silent(self, state: SensorState, domain: AnyDomain, now: Seconds) -> bool:
        last = domain.last_read
        timeout = GAP_INTERVALS * state.wanted_interval
        return not domain.present and (last is None or now - last > timeout)
