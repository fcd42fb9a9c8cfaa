"""A ledger on a clock that the test sets."""

from contextlib import contextmanager

from wattscan.telemetry.attribution import Ledger, LedgerSource


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def ledger_of(clock, method="counter"):
    ledger = Ledger(clock)
    ledger.set_source(LedgerSource(method, "chip"))
    return ledger


def total(ledger):
    return sum(ledger.attributed().values()) + sum(ledger.idle().values()) + ledger.held()


def joules(ledger, task="t", precision="fp32", outcome="ok", method="counter"):
    return ledger.attributed().get((task, precision, outcome, method), 0.0)


@contextmanager
def in_service(account, share=1.0):
    account.start(share)
    yield
    account.stop()
