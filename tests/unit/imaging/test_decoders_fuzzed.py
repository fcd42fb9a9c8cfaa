"""Real files with a few bytes changed, cut or doubled: an image comes out, or InvalidImage."""

import logging
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from fuzz.seeds import MARKER, marked, saved
from wattscan.contracts import InvalidImage, Limits
from wattscan.imaging import decode

pytestmark = pytest.mark.slow

LIMITS = Limits(max_bytes=1024 * 1024, max_pixels=1_000_000)
# One of each kind of pixel data: plain, big endian, RLE, deflated, and each JPEG.
DICOM = (
    "MR_small.dcm", "ExplVR_BigEnd.dcm", "MR_small_RLE.dcm", "image_dfl.dcm", "SC_rgb_jpeg.dcm",
    "JPEG2000.dcm", "JPEGLSNearLossless_08.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_small_odd.dcm",
    "SC_rgb_rle_2frame.dcm",
)  # fmt: skip
RAMP = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
RASTER = {"PNG": {}, "TIFF": {"description": MARKER}, "JPEG": {"comment": MARKER}}
FILES = {
    **{name: marked(Path(get_testdata_file(name))) for name in DICOM},
    **{kind: saved(RAMP, kind, **options) for kind, options in RASTER.items()},
}


@st.composite
def changes(draw):
    """(where, what) of a few changes; where is a fraction of the file, near its start or not."""
    where = st.one_of(st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.01))
    what = st.one_of(st.integers(0, 255), st.sampled_from(["cut", "double", "drop"]))
    return draw(st.lists(st.tuples(where, what), min_size=1, max_size=4))


def changed(data, edits):
    data = bytearray(data)
    for where, what in edits:
        at = min(int(where * len(data)), len(data) - 1)
        if isinstance(what, int):
            data[at] = what
        elif what == "cut":
            del data[max(at, 1) :]
        elif what == "double":
            data[at:at] = data[at : at + 64]
        else:
            del data[at : at + 4]
        if not data:
            break
    return bytes(data)


def outcome(data, frame):
    """`image` or the refusal's text. Anything else escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the service does: they quote headers
        try:
            pixels = decode(data, frame, LIMITS)
        except InvalidImage as refusal:
            return str(refusal)
    assert pixels.ndim in (2, 3)
    assert pixels.shape[2:] in ((), (3,))
    assert pixels.dtype in (np.uint8, np.uint16, np.int16, np.float32)
    return "image"


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_read_as_they_are(name):
    assert outcome(FILES[name], 0) == "image"


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(edits=changes(), frame=st.integers(0, 2))
def test_a_changed_file_is_an_image_or_invalid_and_the_text_has_none_of_it(
    name, edits, frame, caplog
):
    with caplog.at_level(logging.INFO):
        text = outcome(changed(FILES[name], edits), frame)
    assert "SECRET" not in text
    assert "SECRET" not in caplog.text


@settings(max_examples=200)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*",
                           bytes(128) + b"DICM"]),
    rest=st.binary(max_size=300),
)  # fmt: skip
def test_noise_behind_a_formats_first_bytes_is_no_image(start, rest):
    assert isinstance(outcome(start + rest, 0), str)


@pytest.mark.parametrize("precision", [0, 1, 7, 9, 12, 16, 40, 255])
@pytest.mark.parametrize("name", ["SC_rgb_jpeg.dcm", "SC_rgb_jpeg_gdcm.dcm"])
def test_a_jpeg_frame_of_another_precision_does_not_end_the_process(tmp_path, name, precision):
    """GDCM's libraries for JPEG end the process on one that they were not built for."""
    data = bytearray(FILES[name])
    at = next(
        data.find(bytes((0xFF, kind))) for kind in (0xC0, 0xC3) if bytes((0xFF, kind)) in data
    )
    data[at + 4] = precision
    path = tmp_path / "frame.dcm"
    path.write_bytes(data)
    code = (
        "import sys\nfrom pathlib import Path\nfrom wattscan.contracts import InvalidImage\n"
        "from wattscan.imaging import decode\n"
        "try:\n    decode(Path(sys.argv[1]).read_bytes())\nexcept InvalidImage:\n    pass\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path)], timeout=60)
    assert done.returncode == 0


_LOOP = """
import random, sys
from pathlib import Path
from wattscan.contracts import InvalidImage, Limits
from wattscan.imaging import decode
data, chance = Path(sys.argv[1]).read_bytes(), random.Random(7)
for _ in range(400):
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[-chance.randint(1, len(data) * 3 // 4)] = chance.randrange(256)
    try:
        decode(bytes(changed), 0, Limits(max_pixels=1_000_000))
    except InvalidImage:
        pass
print("alive")
"""


@pytest.mark.parametrize(
    "name",
    ["JPEGLSNearLossless_08.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jpeg_gdcm.dcm",
     "SC_rgb_jpeg.dcm", "JPEG2000.dcm"],
)  # fmt: skip
def test_corrupt_compressed_frames_do_not_end_the_process(name):
    """GDCM throws what Python cannot catch, and reads where it must not."""
    command = [sys.executable, "-W", "ignore", "-c", _LOOP, get_testdata_file(name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-500:]
