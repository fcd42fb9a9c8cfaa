"""On PYTHONPATH: a standard profile that is long enough for a slow network, and no longer."""

from wattscan.profiles import PROFILES, Profile

PROFILES["standard"] = Profile(idle=6, warmup=1.5, load=15, cooldown=1.5, repeats=4)
