"""`python -m wattscan`."""

import sys

from wattscan.cli import main

sys.exit(main())
