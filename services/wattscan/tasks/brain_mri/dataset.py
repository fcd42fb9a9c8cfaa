"""The Kaggle set "LGG MRI Segmentation" (Buda, Saha and Mazurowski, 2019; images from the TCIA).

`kaggle_3m/TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_N.tif` and `..._N_mask.tif`, 256 x 256 x 3:
pre-contrast, FLAIR, post-contrast. As in the paper, slices without a lesion are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical import folders
from wattscan.contracts import WattscanError

NAME = "lgg-mri-kaggle_3m"
_SLICE = re.compile(r"(TCGA_\w\w_\w{4})_\d+_(\d+)\.tif$")
_LAYOUT = "the set unpacks to kaggle_3m/TCGA_*/TCGA_*_1.tif, TCGA_*_1_mask.tif and so on"


class LggMri:
    """The slices with a lesion, in order of patient and number."""

    name: str = NAME

    def __init__(self, slices: list[Path], patients: list[str]) -> None:
        self._slices = slices
        self.patients: Sequence[str] = patients
        self.files: Sequence[Path] = folders.with_masks(slices)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A slice uint8 (256, 256, 3) and its mask uint8 0 or 1. Raises: WattscanError."""
        path = self._slices[index]
        image = folders.read(path, "RGB")
        return image, folders.read_mask(folders.mask_of(path), (image.shape[0], image.shape[1]))


def open_folder(folder: Path) -> LggMri:
    """Raises: WattscanError: another folder, slices without a mask, or no lesion at all."""
    candidates = ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m", ".")
    root = folders.first_with(folder, candidates, "TCGA_*/*.tif", _LAYOUT)
    paths = {str(path.relative_to(root)): path for path in root.glob("TCGA_*/*.tif")}
    found = [(m[1], int(m[2]), path) for path in paths.values() if (m := _SLICE.match(path.name))]
    masks = (str(folders.mask_of(path).relative_to(root)) for _, _, path in found)
    folders.require(set(paths), masks, root, "masks are")
    if not found:
        raise WattscanError(f"{root} holds no slice named as in the set; {_LAYOUT}")
    folders.require_images(paths, root)
    with_lesion = [one for one in sorted(found) if folders.marks(folders.mask_of(one[2])).any()]
    if not with_lesion:
        raise WattscanError(f"{root} has no slice with a lesion: every mask is empty")
    return LggMri([path for _, _, path in with_lesion], [patient for patient, _, _ in with_lesion])
