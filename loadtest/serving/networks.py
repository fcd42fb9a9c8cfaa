"""The networks, what is sent to the two small ones, and what they must answer."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "models"
_SHIPPED = Path(__file__).parents[2] / "models"

SHA256 = {
    "light": "209285ce74f0d850a8d75313da2ee8b7b401685697ba0aa06e7f8454aa2f80b0",
    "heavy": "95f6d79dfef0576a99db2924797f56a1cc4422a359987f2a478422c14c091db6",
}
"""Of `<name>.onnx`, as `make_models.py` wrote it."""
TASKS = ("nerve-ultrasound", "brain-mri", "chest-xray")
"""Clinical: whole DICOM frames, and the shipped INT8 models."""
NAMES = (*SHA256, *TASKS)

INPUT, OUTPUT = "image", "logits"
SIDE = 256
SHAPE = (1, 3, SIDE, SIDE)
"""786,432 bytes of FP32."""
OUTPUT_SHAPE = (1, 1, SIDE, SIDE)
INPUT_BYTES = 4 * 3 * SIDE * SIDE
OUTPUT_BYTES = 4 * SIDE * SIDE

_SEED = 2022
# Servers run the same engine, but not always the same release of it.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-3
# Of the pixels of a mask: those whose logit is zero but for rounding.
_MASK_DIFFERENCE = 0.002


class BenchmarkError(Exception):
    """The benchmark cannot go on; the text says why, in a sentence."""


def path(model: str) -> Path:
    """The network's file, its content checked; a task's model folder, whose card has the digest.

    Raises: BenchmarkError.
    """
    if model in TASKS:
        folder = _SHIPPED / f"{model}-int8"
        if not folder.is_dir():
            raise BenchmarkError(f"there is no {folder}")
        return folder
    file = FOLDER / f"{model}.onnx"
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise BenchmarkError(f"{file}: {error.strerror}") from None
    if digest != SHA256[model]:
        raise BenchmarkError(f"{file} is not the file that this benchmark is pinned to")
    return file


def tensor() -> NDArray[np.float32]:
    """What is sent: float32 (1, 3, 256, 256), of about zero mean and unit deviation."""
    return np.random.default_rng(_SEED).standard_normal(SHAPE, dtype=np.float32)


def pixels() -> NDArray[np.uint8]:
    """The image for the typed protocol: uint8 (256, 256, 3)."""
    return np.random.default_rng(_SEED).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def standardised(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the task brain-mri makes of an image of this size: zero mean, unit deviation, NCHW."""
    values = image.astype(np.float64)
    values = (values - values.mean()) / values.std()
    return np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def check_logits(found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Raises: BenchmarkError, if they are not the bare session's but for rounding."""
    if found.size != expected.size:
        raise BenchmarkError(f"an answer has {found.size} values, not {expected.size}")
    if not np.allclose(found.ravel(), expected.ravel(), _RELATIVE, _ABSOLUTE):
        worst = float(np.abs(found.ravel() - expected.ravel()).max())
        raise BenchmarkError(f"an answer is not the bare session's: it differs by up to {worst:g}")


def check_mask(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Raises: BenchmarkError, if it is not the bare session's but for rounding."""
    if found.size != expected.size:
        raise BenchmarkError(f"a mask has {found.size} pixels, not {expected.size}")
    differing = float(np.mean(found.ravel() != expected.ravel()))
    if differing > _MASK_DIFFERENCE:
        raise BenchmarkError(f"{differing:.1%} of a mask's pixels are not the bare session's")
