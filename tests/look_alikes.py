"""Tiny look-alikes of the three public data sets: their folders, names and columns, drawn images.

Every mask lies on a bright blob, and every finding shows as one, so that a network can learn them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
Gray = NDArray[np.uint8]

CHEST_LABELS = ("No Finding", "Effusion", "Cardiomegaly|Effusion", "Mass")
"""The look-alike's sets of labels, in turn; each image of a patient has the next one."""
CHEST_RARE_LABELS = "Hernia|Mass"
CHEST_COLUMNS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
"""The real header, to the letter: the brackets are not quoted, and it ends with a comma."""

_BLOB_PLACES = {"Effusion": (0.75, 0.25), "Cardiomegaly": (0.5, 0.5), "Mass": (0.25, 0.75)}


def write_nerve(
    folder: Path, patients: int = 8, frames: int = 4, *, size: Size = (42, 58), seed: int = 0
) -> Path:
    """The Kaggle competition's `train/`; the last frame of each patient shows no nerve."""
    rng = np.random.default_rng([seed, 1])
    train = folder / "train"
    train.mkdir(parents=True)
    for patient in range(1, patients + 1):
        for frame in range(1, frames + 1):
            mask = _blob(rng, size) if frame < frames else np.zeros(size, np.uint8)
            _write_pair(train / f"{patient}_{frame}.tif", _lit(rng, mask), mask)
    return folder


def write_lgg(
    folder: Path, patients: int = 8, slices: int = 4, *, size: Size = (64, 64), seed: int = 0
) -> Path:
    """The Kaggle set's `kaggle_3m/`; the first slice of each patient shows no lesion."""
    rng = np.random.default_rng([seed, 2])
    root = folder / "kaggle_3m"
    for patient in range(patients):
        name = f"TCGA_CS_{4941 + patient}_{19960909 + patient}"
        (root / name).mkdir(parents=True)
        for number in range(1, slices + 1):
            mask = _blob(rng, size) if number > 1 else np.zeros(size, np.uint8)
            flair = _lit(rng, mask)
            dark = np.zeros(size, np.uint8)
            slice_ = np.stack([_lit(rng, dark), flair, _lit(rng, dark)], axis=-1)
            _write_pair(root / name / f"{name}_{number}.tif", slice_, mask)
    (root / "README.md").write_text("a look-alike\n")
    (root / "data.csv").write_text("Patient,RNASeqCluster\n")
    return folder


def write_chest(
    folder: Path,
    patients: int = 12,
    images: int = 4,
    *,
    rare: int = 11,
    size: Size = (64, 64),
    seed: int = 0,
) -> Path:
    """NIH ChestX-ray14's table and `images_00N/images/`.

    Beside the `patients` one more, who is 412 years old, and one whose `rare` images alone have
    `CHEST_RARE_LABELS`.
    """
    rng = np.random.default_rng([seed, 3])
    rows = [
        (patient, number, CHEST_LABELS[number % len(CHEST_LABELS)], f"{20 + patient:03d}Y")
        for patient in range(1, patients + 1)
        for number in range(images)
    ]
    rows.append((patients + 1, 0, CHEST_LABELS[1], "412Y"))
    rows += [(patients + 2, number, CHEST_RARE_LABELS, "058Y") for number in range(rare)]
    lines = [CHEST_COLUMNS]
    for place, (patient, number, labels, age) in enumerate(rows):
        part = folder / f"images_{1 + 2 * place // len(rows):03d}" / "images"
        part.mkdir(parents=True, exist_ok=True)
        name = f"{patient:08d}_{number:03d}.png"
        Image.fromarray(_lit(rng, _findings_drawn(labels, size))).save(part / name)
        lines.append(f"{name},{labels},{number},{patient},{age},M,PA,2682,2749,0.143,0.143,")
    (folder / "Data_Entry_2017.csv").write_text("\n".join(lines) + "\n")
    return folder


def cut_short(path: Path) -> Path:
    """Leave half of a file, as an interrupted download does."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _disc(size: Size, centre: tuple[float, float], radius: float) -> Gray:
    """A mask: `centre` in parts of the height and width, `radius` in parts of the shorter side."""
    rows, columns = np.ogrid[: size[0], : size[1]]
    away = np.hypot(rows - centre[0] * size[0], columns - centre[1] * size[1])
    return (away <= radius * min(size)).astype(np.uint8)


def _blob(rng: np.random.Generator, size: Size) -> Gray:
    return _disc(size, (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)), rng.uniform(0.12, 0.25))


def _findings_drawn(labels: str, size: Size) -> Gray:
    drawn = np.zeros(size, np.uint8)
    for label in labels.split("|"):
        if label in _BLOB_PLACES:
            drawn |= _disc(size, _BLOB_PLACES[label], 0.15)
    return drawn


def _lit(rng: np.random.Generator, mask: Gray) -> Gray:
    return (rng.integers(20, 90, mask.shape) + 130 * mask.astype(int)).astype(np.uint8)


def _write_pair(path: Path, image: Gray, mask: Gray) -> None:
    Image.fromarray(image).save(path)
    Image.fromarray(mask * np.uint8(255)).save(path.with_name(f"{path.stem}_mask.tif"))
