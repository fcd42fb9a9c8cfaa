"""How tests call the command line."""

import signal
import sys

WATTSCAN = [sys.executable, "-m", "wattscan"]


def heed_hangup() -> None:
    """Before a child starts: a test run under nohup ignores SIGHUP, and so would its children."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
