"""Loads for a device while its sensors are compared: busy processors, or a user's command."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

from wattscan.contracts import WattscanError
from wattscan.units import Seconds

PERIOD = Seconds(0.1)
"""The load is on for a part of every period, and that part is its level."""

# Arguments: level, period, and this process's place in the period, all but the level in seconds.
_BUSY = """
import os, sys, time
level, period, place = map(float, sys.argv[1:])
parent = os.getppid()
while os.getppid() == parent:
    now = time.monotonic()
    into = (now + place) % period
    if into < level * period:
        until = now + level * period - into
        while time.monotonic() < until:
            pass
    else:
        time.sleep(period - into)
"""


@contextlib.contextmanager
def running(
    level: float, command: str | None, period: Seconds = PERIOD, together: bool = False
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A load while inside: the command's, or all processors'.

    Args:
        level: the part of each period for which the load is on, 0 to 1.
        command: it finds the level in WATTSCAN_LOAD and the period, in seconds, in WATTSCAN_PERIOD.
        period: seconds.
        together: whether all processors are busy at the same time. Otherwise they take turns, so
            that the power hardly changes within a period.
    """
    if command is None:
        count = os.cpu_count() or 1
        places = [0.0 if together else period * number / count for number in range(count)]
        numbers = [[f"{value:g}" for value in (level, period, place)] for place in places]
        commands = [[sys.executable, "-c", _BUSY, *each] for each in numbers]
    else:
        commands = [["/bin/sh", "-c", command]]
    variables = {**os.environ, "WATTSCAN_LOAD": f"{level:g}", "WATTSCAN_PERIOD": f"{period:g}"}
    made: list[subprocess.Popen[bytes]] = []
    try:
        with _signals_later():  # else one that comes now would leave a process behind
            for each in commands if level > 0 or command else []:
                made.append(
                    subprocess.Popen(each, env=variables, start_new_session=True)  # noqa: S603
                )
        yield made
    finally:
        with _signals_later():  # else one that comes now would leave the others behind
            for process in made:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Signals that would end this process are heeded only when it is left."""
    came: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    handlers = {number: signal.getsignal(number) for number in numbers}
    handled = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    for one in came:
        signal.raise_signal(one)


def check_lasted(load: Sequence[subprocess.Popen[bytes]], level: float) -> None:
    """Raises: WattscanError, where the load has ended by itself."""
    ended = [process.returncode for process in load if process.poll() is not None]
    if ended:
        raise WattscanError(
            f"the load of {level:.0%} ended before its step, with exit code {ended[0]}: it must "
            "last until it is ended"
        )


def end_in_order() -> None:
    """Have SIGTERM and SIGHUP end this process in order: else the load would go on without it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, lambda number, _: sys.exit(128 + number))
