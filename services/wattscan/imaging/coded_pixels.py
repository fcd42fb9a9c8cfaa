"""The pixels of a compressed frame, as the decoders' libraries give them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def decoded(data: bytes, frame: int) -> np.ndarray[Any, Any]:
    """The stored values of a frame; for a process that a broken file may crash."""
    import pydicom
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import JPEGExtended12Bit

    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if dataset.file_meta.TransferSyntaxUID == JPEGExtended12Bit and dataset.BitsStored > 8:
        return _twelve_bits(dataset, frame)
    return pixel_array(dataset, index=frame)


def _twelve_bits(dataset: Any, frame: int) -> np.ndarray[Any, Any]:
    """A frame of JPEG Extended with 12 bits, which pydicom does not hand to GDCM."""
    import gdcm
    from pydicom.encaps import get_frame

    frames = int(dataset.get("NumberOfFrames") or 1)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(get_frame(dataset.PixelData, frame, number_of_frames=frames))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((dataset.Columns, dataset.Rows, 1))
    image.SetDataElement(element)
    gray = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gray))
    syntax = gdcm.TransferSyntax.GetTSType(str(dataset.file_meta.TransferSyntaxUID))
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    signed, bits = int(dataset.PixelRepresentation), int(dataset.BitsStored)
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, signed))
    values = image.GetBuffer().encode("utf-8", "surrogateescape")
    pixels = np.frombuffer(values, "<i2" if signed else "<u2")
    return pixels.reshape(int(dataset.Rows), int(dataset.Columns))
