"""On PYTHONPATH: a quick profile whose phases each last longer than a few scrapes of 0.5 s."""

from wattscan.profiles import PROFILES, Profile

PROFILES["quick"] = Profile(idle=6, warmup=2, load=8, cooldown=3, repeats=2)
