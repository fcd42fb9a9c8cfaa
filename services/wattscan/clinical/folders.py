"""Public data sets in the folders that they are downloaded to: finding, pairing, reading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wattscan.contracts import WattscanError

_EXAMPLES = 3
_MASK = "_mask"


def first_with(folder: Path, candidates: Iterable[str], pattern: str, layout: str) -> Path:
    """The first of the sub-folders (`.`: the folder itself) that holds a file of the pattern.

    Raises:
        WattscanError: there is none; `layout` tells what was looked for.
    """
    if not folder.is_dir():
        raise WattscanError(f"there is no folder {folder}; {layout}")
    for candidate in candidates:
        if next((folder / candidate).glob(pattern), None) is not None:
            return folder / candidate
    raise WattscanError(f"{folder} holds no {pattern}; {layout}")


def require(present: set[str], wanted: Iterable[str], folder: Path, what: str) -> None:
    """Raise WattscanError unless all are there; it tells how many are missing, and some names."""
    missing = sorted(set(wanted) - present)
    if missing:
        names = ", ".join(missing[:_EXAMPLES]) + (", ..." if len(missing) > _EXAMPLES else "")
        raise WattscanError(
            f"{folder} is incomplete: {len(missing)} {what} missing ({names}); download it again"
        )


def require_images(names: Iterable[str], folder: Path) -> None:
    """Raise WattscanError where a mask is there and its image is not."""
    present = set(names)
    masks = [name for name in present if Path(name).stem.endswith(_MASK)]
    require(present, (name.replace(_MASK, "") for name in masks), folder, "images are")


def read(path: Path, mode: Literal["L", "RGB"]) -> NDArray[np.uint8]:
    """An 8-bit image file as uint8 (height, width) or (height, width, 3).

    Raises:
        WattscanError: it is missing, cut short, or no image.
    """
    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":  # Pillow would cut 16 bits at 255 without a word
                raise ValueError(f"it has more than 8 bits ({image.mode})")
            return np.asarray(image.convert(mode))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise WattscanError(f"{path} cannot be read as an image: {error}") from None


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A mask file as uint8 0 or 1 `size`, 1 where it is brighter than half.

    Raises:
        WattscanError: as `read`, or it is of another size than its image.
    """
    mask = marks(path)
    if mask.shape != size:
        raise WattscanError(f"{path} is {mask.shape}, and its image is {size}")
    return mask


def marks(path: Path) -> NDArray[np.uint8]:
    """A mask file as it is, uint8 0 or 1, 1 where it is brighter than half. Raises: as `read`."""
    return (read(path, "L") > 127).astype(np.uint8)


def with_masks(images: list[Path]) -> list[Path]:
    """The images' files, and their masks'."""
    return [*images, *map(mask_of, images)]


def mask_of(image: Path) -> Path:
    """`a.tif` -> `a_mask.tif`: how both segmentation sets name them."""
    return image.with_name(f"{image.stem}{_MASK}{image.suffix}")
