"""A backend that does what files in its control folder say.

`raise`: it raises RuntimeError with the file's text. `exit`: SystemExit. `hang`: it does not come
back until the file has gone. `slow`: it takes so many seconds. What it computes it notes in
`calls`, a line each: the first value of every row.

A plain model takes `image`, float32 (N, 4), and answers with `scores`, float32 (N, `width`), the
row's first value again and again; a clinical one answers with zeros. A file that holds `corrupt`
cannot be opened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.contracts import Array, Format, Tensor, TensorSpec, WattscanError
from wattscan.settings import whole_number

FORMAT: Format = "onnx"
_FLOAT = np.dtype(np.float32)
_LOCK = threading.Lock()


def open_engine(path: Path, settings: Mapping[str, Any]) -> FaultyEngine:
    """`settings`: `folder`, where it is controlled from; `width` (3)."""
    if b"corrupt" in path.read_bytes():
        raise WattscanError(f"the test cannot load {path}")
    return FaultyEngine(Path(settings["folder"]), whole_number(settings, "width", 3))


class FaultyEngine:
    """See the module."""

    provider = "test"
    inputs = (TensorSpec("image", _FLOAT, (-1, 4)),)

    def __init__(self, folder: Path, width: int) -> None:
        self._folder = folder
        self._width = width
        self.outputs = (TensorSpec("scores", _FLOAT, (-1, width)),)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """As the files say."""
        first = arrays[0][:, :1]
        self._note(first)
        self._fail()
        return [np.repeat(first, self._width, axis=1)]

    def infer(self, batch: Tensor) -> Tensor:
        """As the files say: an empty mask for each image."""
        self._note(batch[:, 0, 0])
        self._fail()
        return np.zeros((*batch.shape[:3], 1), np.float32)

    def close(self) -> None:
        """Nothing is held."""

    def _note(self, values: Array) -> None:
        with _LOCK, (self._folder / "calls").open("a") as calls:
            calls.write(" ".join(f"{value:g}" for value in values[:, 0]) + "\n")

    def _fail(self) -> None:
        if (self._folder / "exit").exists():
            raise SystemExit("the driver ends the process")
        if (self._folder / "raise").exists():
            raise RuntimeError((self._folder / "raise").read_text())
        while (self._folder / "hang").exists():
            time.sleep(0.005)
        if (self._folder / "slow").exists():
            time.sleep(float((self._folder / "slow").read_text()))
