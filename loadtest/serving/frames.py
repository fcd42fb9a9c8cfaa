"""The DICOM frames that clinical requests carry: phantoms, of a modality's size and encoding."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    MRImageStorage,
    UltrasoundImageStorage,
)

from wattscan import plugins
from wattscan.phantoms import SEED, dicom


@dataclass(frozen=True)
class Modality:
    """How it writes a frame: one sample a pixel, not compressed."""

    code: str
    storage: UID
    size: tuple[int, int]
    """Rows, columns."""
    bits: int
    """Stored; those over 8 are allocated 16."""
    number: int = 0
    """Of the phantom's images, one whose mask is not empty."""
    has_window: bool = False


MODALITIES = {
    "nerve-ultrasound": Modality("US", UltrasoundImageStorage, (480, 640), 8),
    "brain-mri": Modality("MR", MRImageStorage, (256, 256), 16, number=1),
    "chest-xray": Modality(
        "DX", DigitalXRayImageStorageForPresentation, (2048, 2048), 12, has_window=True
    ),
}


def frame(task: str) -> bytes:
    """The task's DICOM file, the same every time."""
    modality = MODALITIES[task]
    dataset = dicom(_pixels(task, modality), f"{task} of the serving benchmark")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = modality.storage
    dataset.Modality = modality.code
    dataset.BitsStored, dataset.HighBit = modality.bits, modality.bits - 1
    if modality.has_window:
        dataset.WindowCenter, dataset.WindowWidth = 1 << modality.bits - 1, 1 << modality.bits
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _pixels(task: str, modality: Modality) -> NDArray[Any]:
    """The phantom at the modality's size, over the range of its bits."""
    image = plugins.task(task).phantom(1, SEED, modality.number).images[0]
    plane = image[:, :, 1] if image.ndim == 3 else image  # of a brain's sequences, FLAIR
    size = (modality.size[1], modality.size[0])
    resized = Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)
    values = np.asarray(resized, np.uint8)
    if modality.bits == 8:
        return values
    # A detector's noise fills what the phantom's 8 bits leave empty.
    step = 1 << modality.bits - 8
    noise = np.random.default_rng(SEED).integers(0, step, modality.size, dtype=np.uint16)
    return values * np.uint16(step) + noise
