"""The standardized workload's images: phantom frames as DICOM files, as a modality sends them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import Task

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

IMAGES = 32
SEED = 2022


def phantom_files(task: Task) -> list[bytes]:
    """`IMAGES` frames of the task's phantom, the same every time."""
    files = []
    for number, pixels in enumerate(task.phantom(IMAGES, SEED).images):
        buffer = io.BytesIO()
        dicom(pixels, f"{task.name} {number}").save_as(buffer, enforce_file_format=True)
        files.append(buffer.getvalue())
    return files


def dicom(pixels: NDArray[np.uint8] | NDArray[np.uint16], name: str) -> FileDataset:
    """A file of one frame, (rows, columns[, 3]); its `name` tells it from others."""
    # A plain model's load needs no DICOM, which takes a third of a second to import.
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["wattscan phantom", name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Phantom"
    dataset.PatientID = name
    dataset.Modality = "OT"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    color = pixels.ndim == 3
    dataset.SamplesPerPixel = 3 if color else 1
    dataset.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    return dataset
