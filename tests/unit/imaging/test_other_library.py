"""What is read of a DICOM file is what another library shows: DCMTK, and GDCM for JPEG 2000.

All image files that pydicom carries, and look-alikes of each photometric interpretation, number of
bits and transfer syntax. Gray is compared over its range (a window is left out), in 256 levels.
"""

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from picture_files import CASES
from picture_makers import COLOUR, EIGHT, SIXTEEN, TWELVE, dicom
from wattscan import imaging
from wattscan.contracts import InvalidImage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
    pytest.mark.skipif(
        shutil.which("dcm2pnm") is None, reason="needs DCMTK: make system-packages (package dcmtk)"
    ),
]
FILES = Path(pydicom.data.__file__).parent / "test_files"
# DCMTK reads the 16-bit words of 32 bits in another order where the file is big-endian (its
# little-endian twin says which is right), and GDCM trusts a header that the codestream contradicts.
OTHERWISE = ("rtdose_expb.dcm", "rtdose_expb_1frame.dcm", "J2K_pixelrep_mismatch.dcm")
MOST_REFUSED = 0.10
# Encoder and its option -> the pixels that it can take.
ENCODERS = {
    ("dcmcjpeg", "+eb"): (EIGHT, COLOUR),
    ("dcmcjpeg", "+e1"): (EIGHT, TWELVE, SIXTEEN, COLOUR),
    ("dcmcjpeg", "+el"): (EIGHT, TWELVE, SIXTEEN, COLOUR),
    ("dcmcjpeg", "+ee"): (TWELVE,),
    ("dcmcjpls", "+el"): (EIGHT, TWELVE, SIXTEEN, COLOUR),
    ("dcmcrle",): (EIGHT, TWELVE, SIXTEEN, COLOUR),
}


def bundled():
    """The image files that come with pydicom."""
    for path in sorted(FILES.rglob("*")):
        if path.is_file():
            with pydicom.config.disable_value_validation():
                dataset = pydicom.dcmread(path, force=True)
                if {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & set(dataset.dir()):
                    yield path


def look_alikes(folder):
    """Those of `picture_files`, and some of them as DCMTK's encoders compress them."""
    for number, case in enumerate(CASES):
        if case.group.startswith("DICOM") and not case.refused:
            path = folder / f"{number} {case.kind.replace('/', ' ')}.dcm"
            path.write_bytes(case.made())
            yield path
    plain = folder / "plain.dcm"
    for (tool, *options), every in ENCODERS.items():
        for pixels in every:
            bits: dict[str, Any] = {"BitsStored": 12} if pixels is TWELVE else {}
            plain.write_bytes(dicom(pixels, **bits))
            path = folder / f"{tool} {' '.join(options)} {pixels.dtype} {pixels.ndim}.dcm"
            subprocess.run([tool, *options, plain, path], check=True, capture_output=True)
            yield path


def shown_elsewhere(path, colour, folder):
    """By DCMTK, which knows no JPEG 2000: then by GDCM. None: neither reads it."""
    out = folder / "shown.pnm"
    plain = ["--no-overlays", *([] if colour else ["--min-max-window"]), "+F", "1"]
    for tool in ("dcm2pnm", "dcmj2pnm", "dcml2pnm"):
        out.unlink(missing_ok=True)
        kind = "+op" if colour else "+opw"
        done = subprocess.run([tool, *plain, kind, path, out], capture_output=True)
        if done.returncode == 0 and out.exists():
            return pnm(out) if kind == "+opw" else np.asarray(Image.open(out))
    gdcm = pytest.importorskip("gdcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        return None
    image = reader.GetImage()
    width, height = image.GetDimensions()[:2]
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    bits = image.GetPixelFormat().GetBitsAllocated()
    signed = "i" if image.GetPixelFormat().GetPixelRepresentation() else "u"
    pixels = np.frombuffer(data, f"<{signed}{bits // 8}")
    return pixels.reshape(height, width, 3) if colour else pixels.reshape(height, width)


def pnm(path):
    """16 bits in text, which Pillow would cut down to 8."""
    words = path.read_text().split("\n", 1)[1].split()
    comment = 0 if words[0].isdigit() else next(i for i, w in enumerate(words) if w.isdigit())
    width, height, _, *values = words[comment:]
    return np.array(values, float).reshape(int(height), int(width))


def levels(pixels, colour):
    pixels = pixels.astype(float)
    if colour or not np.ptp(pixels):
        return pixels
    return (pixels - pixels.min()) / np.ptp(pixels) * 255


def test_another_library_shows_the_same(tmp_path, capsys):
    told, differ, refused = Counter(), [], []
    for path in [*bundled(), *look_alikes(tmp_path)]:
        with pydicom.config.disable_value_validation():
            dataset = pydicom.dcmread(path, force=True)
        photometric = str(dataset.get("PhotometricInterpretation"))
        colour = not photometric.startswith("MONOCHROME")
        try:
            mine = imaging.decode(path.read_bytes())
        except InvalidImage as error:
            told["refused"] += 1
            refused.append(f"{path.name}: {error}")
            continue
        theirs = shown_elsewhere(path, colour, tmp_path)
        if theirs is None or path.name in OTHERWISE or "PixelPaddingValue" in dataset:
            told["skipped"] += 1
            continue
        mine, theirs = levels(mine, colour), levels(theirs, colour)
        # DCMTK's conversion of YBR is up to 1.9 off the standard's equations.
        most = 2 if photometric in ("YBR_FULL", "YBR_FULL_422") else 1
        if mine.shape == theirs.shape and np.abs(mine - theirs).max() <= most + 1e-9:
            told["agreed"] += 1
        else:
            off = np.abs(mine - theirs).max() if mine.shape == theirs.shape else theirs.shape
            differ.append(f"{path.name}: {off}")
    with capsys.disabled():
        print(f"\n{dict(told)}, {len(differ)} differ", *refused, sep="\n  refused: ")
    assert not differ
    assert told["refused"] <= MOST_REFUSED * told.total()
    assert told["agreed"] > 100
