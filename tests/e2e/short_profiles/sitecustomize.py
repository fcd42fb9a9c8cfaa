"""On PYTHONPATH: every Wattscan process of a test has profiles of seconds."""

from wattscan.profiles import PROFILES, Profile

PROFILES["quick"] = Profile(idle=0.2, warmup=0.3, load=1.0, cooldown=0.1, repeats=2)
PROFILES["standard"] = Profile(idle=0.5, warmup=0.3, load=2.0, cooldown=0.2, repeats=6)
