import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file

from odd_images import png_header
from wattscan import imaging
from wattscan.contracts import ImageTooLarge, InvalidImage
from wattscan.imaging import raw

RAMP = (np.arange(12 * 16) % 256).astype(np.uint8).reshape(12, 16)


def encoded(pixels, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def dicom_bytes(name):
    return Path(get_testdata_file(name)).read_bytes()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_images_keep_their_values(kind, dtype):
    pixels = RAMP.astype(dtype) * (1 if dtype == np.uint8 else 200)
    read = imaging.decode(encoded(pixels, kind))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, pixels)


def test_color_and_palette_become_rgb():
    color = np.stack([RAMP, RAMP // 2, RAMP // 4], axis=-1)
    np.testing.assert_array_equal(imaging.decode(encoded(color, "PNG")), color)
    buffer = io.BytesIO()
    Image.fromarray(color).convert("P").save(buffer, "PNG")
    assert imaging.decode(buffer.getvalue()).shape == (12, 16, 3)


def test_jpeg_and_bilevel():
    assert imaging.decode(encoded(RAMP, "JPEG")).shape == (12, 16)
    assert set(np.unique(imaging.decode(encoded(RAMP > 99, "PNG")))) == {0, 255}


def test_a_frame_of_a_multi_page_tiff():
    pages = [Image.fromarray(RAMP + n) for n in (0, 40)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(imaging.decode(buffer.getvalue(), frame=1), RAMP + 40)
    with pytest.raises(InvalidImage, match="frame 2 was asked for; the file has 2"):
        imaging.decode(buffer.getvalue(), frame=2)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("examples_rgb_color.dcm", (240, 320, 3)),
        ("examples_palette.dcm", (350, 800, 3)),
        ("examples_ybr_color.dcm", (240, 320, 3)),
        ("examples_jpeg2k.dcm", (480, 640, 3)),
        ("ExplVR_BigEnd.dcm", (60, 80, 3)),
        ("MR_small.dcm", (64, 64)),
        ("CT_small.dcm", (128, 128)),
    ],
)
def test_real_dicom_files_are_read(name, shape):
    assert imaging.decode(dicom_bytes(name)).shape == shape


def test_every_frame_of_a_cine_loop_is_its_own():
    data = dicom_bytes("examples_ybr_color.dcm")
    first, last = imaging.decode(data, 0), imaging.decode(data, 29)
    assert (first != last).any()
    with pytest.raises(InvalidImage, match="frame 30"):
        imaging.decode(data, 30)


def test_monochrome1_is_inverted():
    data = dicom_bytes("MR_small.dcm")
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PhotometricInterpretation = "MONOCHROME1"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    plain, inverted = imaging.decode(data), imaging.decode(buffer.getvalue())
    assert plain.argmax() == inverted.argmin()


@pytest.mark.parametrize("cut", [133, 300, 2000, 8000])
def test_a_truncated_dicom_file_is_refused(cut):
    with pytest.raises(InvalidImage, match="DICOM"):
        imaging.decode(dicom_bytes("MR_small.dcm")[:cut])


def test_a_dicom_file_without_pixels_is_refused():
    with pytest.raises(InvalidImage, match="no pixel data"):
        imaging.decode(dicom_bytes("rtplan.dcm"))


def test_a_hundred_megapixel_header_is_refused_before_it_is_decoded():
    with pytest.raises(ImageTooLarge, match="10000 x 10000"):
        imaging.decode(png_header(10_000, 10_000))


@pytest.mark.parametrize(
    "data", [b"", b"hello, I am not an image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + b"\0" * 50]
)
def test_what_is_not_an_image_is_refused(data):
    with pytest.raises(InvalidImage):
        imaging.decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_decoder(data):
    for prefix in (b"", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"\0" * 128 + b"DICM"):
        with pytest.raises(InvalidImage):
            imaging.decode(prefix + data)


@given(st.data())
def test_no_damage_crashes_the_dicom_reader(data):
    """Either the pixels are read, or InvalidImage is raised: nothing else."""
    good = bytearray(dicom_bytes("MR_small.dcm"))
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(132, 1500))] = data.draw(st.integers(0, 255))
    try:
        assert imaging.decode(bytes(good)).ndim in (2, 3)
    except InvalidImage as error:
        # Values of the header must not be in the text: the patient's name is in this file.
        assert "CompressedSamples" not in str(error)


def test_raw_tensors_are_viewed_without_a_copy():
    data = RAMP.tobytes()
    pixels = raw.view(data, (12, 16), np.dtype("u1"))
    np.testing.assert_array_equal(pixels, RAMP)
    assert not pixels.flags.owndata
    assert raw.view(data, (12, 16, 1), np.dtype("u1")).shape == (12, 16)


@pytest.mark.parametrize(
    ("shape", "dtype", "complaint"),
    [
        ((12, 15), "u1", "has 192 bytes; shape"),
        ((192,), "u1", "must be"),
        ((12, 4, 4), "u1", "must be"),
        ((0, 16), "u1", "it has none"),
        ((10_000, 10_000), "u1", "the limit is"),
        ((6, 8), "<f4", "not finite"),
    ],
)
def test_a_raw_tensor_that_does_not_fit_is_refused(shape, dtype, complaint):
    data = b"\xff" * 192
    with pytest.raises(InvalidImage, match=complaint):
        raw.view(data, shape, np.dtype(dtype))


def deflated(dataset_bytes):
    """A deflated DICOM file of those bytes."""
    syntax = b"1.2.840.10008.1.2.1.99"
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    group = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(element)) + element
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(dataset_bytes) + packer.flush()
    return b"\0" * 128 + b"DICM" + group + body


def test_a_deflated_file_is_read():
    assert imaging.decode(dicom_bytes("image_dfl.dcm")).shape == (512, 512)


def test_a_deflated_bomb_is_refused_before_it_is_unfolded():
    bomb = deflated(b"\x09\x00\x10\x10OB\0\0" + struct.pack("<I", 1 << 28) + bytes(1 << 28))
    assert len(bomb) < 1_000_000
    with pytest.raises(ImageTooLarge, match="unfolds to more than"):
        imaging.decode(bomb)


def test_a_deflated_file_that_is_broken_is_refused():
    with pytest.raises(InvalidImage, match="truncated or corrupt"):
        imaging.decode(deflated(b"")[:-2] + b"\xff\xff")


def test_a_compressed_frame_of_another_size_is_refused_before_it_is_decoded():
    dataset = pydicom.dcmread(get_testdata_file("examples_jpeg2k.dcm"))
    dataset.Rows = dataset.Columns = 8
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(InvalidImage, match="not of the size"):
        imaging.decode(buffer.getvalue())


def test_twelve_bits_of_color_keep_the_upper_eight():
    dataset = pydicom.dcmread(get_testdata_file("examples_rgb_color.dcm"))
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = np.full((dataset.Rows, dataset.Columns, 3), 0xABC, "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.PlanarConfiguration = 0
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert set(np.unique(imaging.decode(buffer.getvalue()))) == {0xAB}
