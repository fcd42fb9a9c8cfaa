"""The Kaggle competition "Ultrasound Nerve Segmentation": `train/N_M.tif` and `N_M_mask.tif`.

N is the patient, M the frame. The competition's `test/` has no masks and is not used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical import folders

NAME = "kaggle-ultrasound-nerve"
_FRAME = re.compile(r"(\d+)_(\d+)\.tif$")
_LAYOUT = "the competition's train.zip unpacks to train/1_1.tif, train/1_1_mask.tif and so on"


class KaggleUltrasoundNerve:
    """The frames in order of patient and number; those without a nerve have an empty mask."""

    name: str = NAME

    def __init__(self, frames: list[Path], patients: list[str]) -> None:
        self._frames = frames
        self.patients: Sequence[str] = patients
        self.files: Sequence[Path] = folders.with_masks(frames)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A frame uint8 (420, 580) and its mask uint8 0 or 1. Raises: WattscanError."""
        path = self._frames[index]
        image = folders.read(path, "L")
        return image, folders.read_mask(folders.mask_of(path), (image.shape[0], image.shape[1]))


def open_folder(folder: Path) -> KaggleUltrasoundNerve:
    """Raises: WattscanError: another folder, or frames without a mask."""
    train = folders.first_with(folder, ("train", "."), "*_*.tif", _LAYOUT)
    names = {path.name for path in train.iterdir()}
    frames = sorted(
        (int(found[1]), int(found[2]), name) for name in names if (found := _FRAME.match(name))
    )
    masks = (folders.mask_of(Path(name)).name for _, _, name in frames)
    folders.require(names, masks, train, "masks are")
    folders.require_images(names, train)
    return KaggleUltrasoundNerve(
        [train / name for _, _, name in frames], [str(patient) for patient, _, _ in frames]
    )
