"""Waits for a service's source of energy to be proven: a run cannot begin earlier."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from prometheus_client.samples import Sample

from wattscan.contracts import WattscanError
from wattscan.metrics import ENERGY_SOURCE_INFO, SENSOR_PROVING
from wattscan.units import Seconds

# A plug's counter moves once a minute; a coarser one is not waited for.
_PATIENCE = Seconds(90.0)
_PAUSE = Seconds(0.5)


def wait_for_source(
    page: Callable[[], Sequence[Sample]], say: Callable[[str], None], is_running: Callable[[], bool]
) -> None:
    """Until the tables have a measured source, or nothing is left that may become one.

    Args:
        page: reads the service's metrics.
        say: is told what is waited for.
        is_running: whether the service is.

    Raises:
        WattscanError: nothing gives energy.
    """
    end, told = time.monotonic() + _PATIENCE, False
    while is_running():
        source, proving = _read(page)
        if source not in (None, "modelled") or (source and not proving):
            return
        if time.monotonic() >= end or (not source and not proving and told):
            break
        if proving and not told:
            say(f"Waiting for {', '.join(proving)} to move, {_PATIENCE:.0f} s at most ...")
        told = True
        time.sleep(_PAUSE)
    if not is_running():
        return  # why it has ended is told by whoever started it
    if source is None:
        names = f": {', '.join(proving)} did not move" if proving else ""
        raise WattscanError(
            f"the service has no source of power or energy{names}, so there would be no joules; "
            "wattscan sensors says what is here, and why the rest is not"
        )
    say(f"{', '.join(proving)} did not move in {_PATIENCE:.0f} s: the run goes on with the model.")


def _read(page: Callable[[], Sequence[Sample]]) -> tuple[str | None, list[str]]:
    """The method of the domain that tables read, None for none; the sensors that are proving."""
    try:
        samples = page()
    except WattscanError:
        return None, []
    tables = [
        s.labels["method"]
        for s in samples
        if s.name == ENERGY_SOURCE_INFO.name and s.labels["use"] == "table"
    ]
    proving = [s.labels["sensor"] for s in samples if s.name == SENSOR_PROVING.name and s.value]
    return (tables[0] if tables else None), proving
