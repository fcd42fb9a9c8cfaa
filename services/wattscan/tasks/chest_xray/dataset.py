"""NIH ChestX-ray14 (Wang et al., 2017): `Data_Entry_2017.csv` and PNG files in `images*/`.

With the paper's choice: ages under 100, and sets of labels that more than 11 images have.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattscan.clinical import folders
from wattscan.contracts import WattscanError
from wattscan.tasks.chest_xray.findings import FINDINGS

NAME = "nih-chestx-ray14"
AGE_LIMIT = 100
RARE = 11
"""Sets of labels that so many images have, or fewer, are left out."""

_NO_FINDING = "No Finding"
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age")
_LAYOUT = "the set has Data_Entry_2017.csv beside images_001/images/*.png and so on, or images/"


class ChestXray14:
    """The chosen radiographs, in the table's order."""

    name: str = NAME

    def __init__(self, images: list[Path], rows: list[dict[str, str]], table: Path) -> None:
        self._images = images
        self._truth = np.stack([_findings(row, table) for row in rows])
        self.patients: Sequence[str] = [row["Patient ID"] for row in rows]
        self.files: Sequence[Path] = [table, *images]

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A radiograph uint8 (1024, 1024) and its findings uint8 (14,). Raises: WattscanError."""
        return folders.read(self._images[index], "L"), self._truth[index]


def open_folder(folder: Path) -> ChestXray14:
    """Raises: WattscanError: another folder, images missing, or a table that cannot be read."""
    root = folders.first_with(folder, (".",), "Data_Entry_2017*.csv", _LAYOUT)
    table = sorted(root.glob("Data_Entry_2017*.csv"))[0]
    rows = _chosen(_rows(table), table)
    if not rows:
        raise WattscanError(f"{table} has no set of labels with more than {RARE} images")
    files = {path.name: path for path in root.glob("images*/**/*.png")}
    folders.require(set(files), (row["Image Index"] for row in rows), root, "images are")
    return ChestXray14([files[row["Image Index"]] for row in rows], rows, table)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise WattscanError(f"{table} has no column {', '.join(missing)}")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WattscanError(f"{table} cannot be read: {error}") from None
    counts = Counter(row["Image Index"] for row in rows)
    for row in rows:
        if any(not row[name] for name in _COLUMNS):
            raise WattscanError(f"{table}: the row of {row['Image Index']} is cut short")
        if counts[row["Image Index"]] > 1:
            raise WattscanError(f"{table} has {row['Image Index']} more than once")
    return rows


def _chosen(rows: list[dict[str, str]], table: Path) -> list[dict[str, str]]:
    adults = [row for row in rows if _age(row, table) < AGE_LIMIT]
    counts = Counter(row["Finding Labels"] for row in adults)
    return [row for row in adults if counts[row["Finding Labels"]] > RARE]


def _age(row: dict[str, str], table: Path) -> int:
    """Years; the first edition writes `058Y`. A few newborns have their age in months or days."""
    found = re.fullmatch(r"(\d+)([YMD]?)", (row["Patient Age"] or "").strip())
    if found is None:
        raise WattscanError(f"{table}: {row['Image Index']} has no age that can be read")
    return int(found[1]) if found[2] in ("", "Y") else 0


def _findings(row: dict[str, str], table: Path) -> NDArray[np.uint8]:
    labels = set(row["Finding Labels"].split("|")) - {_NO_FINDING}
    unknown = labels - set(FINDINGS)
    if unknown:
        raise WattscanError(f"{table}: {row['Image Index']} has an unknown label, {unknown.pop()}")
    return np.array([finding in labels for finding in FINDINGS], np.uint8)
