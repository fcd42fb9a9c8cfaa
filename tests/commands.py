"""How tests call the command line."""

import sys

WATTSCAN = [sys.executable, "-m", "wattscan"]
