"""On PYTHONPATH: a quick profile of a sixth of its length and a quarter of the images, for every
Wattscan process of a test, and a `bench` that looks for the cheapest engines in half of the time.
"""

import sys
from contextlib import suppress

with suppress(ImportError):  # a client's environment has no Wattscan
    from wattscan import phantoms
    from wattscan.profiles import PROFILES, Profile

    PROFILES["quick"] = Profile(idle=1, warmup=0.5, load=2, cooldown=0.5, repeats=2)
    phantoms.IMAGES = 8
    if "bench" in sys.orig_argv:
        from wattscan.training import tune

        tune._ROUNDS, tune.BATCH = 1, 2
        tune.TuneOptions.__init__.__defaults__ = (1, 0.1, False, None, None)
