"""What it costs to give a request its energy: processor time of the ledger, hot."""

from __future__ import annotations

import time

from wattscan.telemetry.attribution import Ledger, LedgerSource
from wattscan.units import Joules, Seconds

_REQUESTS = 20_000
_BETWEEN_READINGS = 20  # requests: 200 a second, and a sensor read at 10 Hz


def measure(in_service: int) -> Seconds:
    """Processor time a request, its part of the settling included, with so many at once.

    A request's life: decoded, computed in a batch with the others, its answer made.
    """
    ledger = Ledger()
    ledger.set_source(LedgerSource("counter", "chip"))
    begin, settled, served = time.process_time(), Seconds(ledger.clock()), 0
    while served < _REQUESTS:
        accounts = [ledger.open("brain-mri", "int8") for _ in range(in_service)]
        for share in (1.0, 1.0 / in_service, 1.0):
            for account in accounts:
                account.start(share)
            for account in accounts:
                account.stop()
        for account in accounts:
            account.close(ok=True)
        before, served = served, served + in_service
        if before // _BETWEEN_READINGS != served // _BETWEEN_READINGS:
            now = Seconds(ledger.clock())
            ledger.settle(settled, now, Joules(1.0))
            settled = now
    return Seconds((time.process_time() - begin) / served)
