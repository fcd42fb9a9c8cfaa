"""On PYTHONPATH: a quick profile of a third of its length, for every Wattscan process of a test."""

from contextlib import suppress

with suppress(ImportError):  # a client's environment has no Wattscan
    from wattscan.profiles import PROFILES, Profile

    PROFILES["quick"] = Profile(idle=2, warmup=1, load=4, cooldown=1, repeats=2)
