"""From a picture's file to a tensor, as the makers of a model prepared theirs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from wattscan.contracts import Array, WattscanError
from wattscan.imaging import decode

Scale = Literal["type", "range"]


@dataclass(frozen=True)
class Steps:
    """Resize, crop, scale, normalise; in this order.

    Attributes:
        channels: 1 or 3; a gray picture is taken for all three.
        height, width: what the network takes, pixels.
        shortest: the shorter edge's length before the middle is cropped out; 0: the picture is
            resized to the network's size as it is.
        scale: `type`: the type's whole range becomes 0 to 1; `range`: the picture's own does.
        mean, std: of each channel, of values from 0 to 1; empty: not normalised.
        channels_last: whether the network takes (H, W, C).
    """

    channels: int
    height: int
    width: int
    shortest: int = 0
    scale: Scale = "type"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channels_last: bool = False

    def __call__(self, path: str | Path) -> Array:
        """The file's picture, float32 (1, C, H, W), or (1, H, W, C).

        Raises: WattscanError: the file cannot be read, or is no picture.
        """
        try:
            pixels = decode(Path(path).read_bytes())
        except OSError as error:
            raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
        planes = self._channels(self._scaled(pixels))
        planes = np.stack([self._sized(planes[..., c]) for c in range(self.channels)], axis=-1)
        if self.mean:
            mean, std = (np.array(each, np.float32) for each in (self.mean, self.std))
            planes = (planes - mean) / std
        tensor = planes if self.channels_last else planes.transpose(2, 0, 1)
        return np.ascontiguousarray(tensor[np.newaxis], np.float32)

    def _scaled(self, pixels: Array) -> Array:
        real: Array = pixels.astype(np.float32)
        if self.scale == "type" and pixels.dtype.kind in "iu":
            limits = np.iinfo(pixels.dtype)
            of_type: Array = (real - float(limits.min)) / float(limits.max - limits.min)
            return of_type
        span = float(real.max() - real.min()) or 1.0
        of_picture: Array = (real - real.min()) / span
        return of_picture

    def _channels(self, values: Array) -> Array:
        planes = values if values.ndim == 3 else values[..., np.newaxis]
        if planes.shape[2] == self.channels:
            return planes
        return np.repeat(planes.mean(axis=2, keepdims=True), self.channels, axis=2)

    def _sized(self, plane: Array) -> Array:
        rows, columns = plane.shape
        size = (self.height, self.width)
        if self.shortest:
            factor = self.shortest / min(rows, columns)
            size = (max(1, round(rows * factor)), max(1, round(columns * factor)))
        picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        resized = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR))
        top, left = (size[0] - self.height) // 2, (size[1] - self.width) // 2
        padded = np.pad(resized, [(max(0, -top),) * 2, (max(0, -left),) * 2])
        top, left = max(0, top), max(0, left)
        cropped: Array = padded[top : top + self.height, left : left + self.width]
        return cropped
