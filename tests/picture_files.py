"""Image files of every kind that matters, with what is read of each, or why it is refused.

`docs/serving.md` has its table from these cases, and `tests/unit/imaging/test_pictures.py` tries
each. A right value is computed here, by hand.
"""

from __future__ import annotations

from picture_case import Case
from pictures_colour import COLOUR_CASES
from pictures_gray import GRAY_CASES
from pictures_gray_shown import GRAY_SHOWN_CASES
from pictures_raster import RASTER_CASES

CASES: tuple[Case, ...] = (*GRAY_CASES, *GRAY_SHOWN_CASES, *COLOUR_CASES, *RASTER_CASES)
