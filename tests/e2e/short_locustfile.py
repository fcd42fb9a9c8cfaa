"""The load generator, its quick profile shortened to a second of load."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from wattscan.profiles import PROFILES, Profile

PROFILES["quick"] = Profile(idle=0.2, warmup=0.3, load=1.0, cooldown=0.1, repeats=2)

from loadtest.locustfile import MultiStream, Offline, Server, SingleStream  # noqa: E402

__all__ = ["MultiStream", "Offline", "Server", "SingleStream"]
