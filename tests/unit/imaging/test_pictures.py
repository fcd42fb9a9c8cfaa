"""Each kind of file in `picture_files`: its right pixels, or its refusal by name."""

import numpy as np
import pytest

from picture_files import CASES
from wattscan import imaging
from wattscan.contracts import InvalidImage


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.kind}")
def test_a_file_is_read_as_its_format_defines_it_or_refused_by_name(case):
    if case.refused:
        with pytest.raises(InvalidImage) as error:
            imaging.decode(case.made(), windowed=case.windowed)
        assert case.refused in str(error.value)
        return
    pixels = imaging.decode(case.made(), windowed=case.windowed)
    if case.want is None:
        assert pixels.max() > pixels.min()
        return
    assert pixels.shape == case.want.shape
    assert pixels.dtype == case.want.dtype
    off = np.abs(pixels.astype(np.float64) - case.want.astype(np.float64))
    assert off.max() <= case.off
