"""Where things are: the frame's pose, and the chest's measures in centimetres.

Body coordinates: x grows to the image's right (the patient's left, as in a posteroanterior view),
y downwards, the origin about the middle of the chest. A side is -1 (image left) or +1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

SIZE = 512
"""Height and width of a frame, in pixels."""
COARSE = 256
"""Height and width of the grid on which all but lines and dots are computed."""
FIELD_CM = 40.0
"""What a frame covers at scale 1."""
HILUM = (4.2, -2.2)
"""Where the vessels enter a lung: |x| and y."""


@dataclass(frozen=True)
class Grid:
    """The coarse grid's pixels in body coordinates: x and y, float32 (256, 256), cm."""

    x: Plane
    y: Plane
    scale: float
    """Frame pixels per cm."""
    turn: float
    """Radians."""
    centre: tuple[float, float]
    """Column and row of the body's origin, in frame pixels."""

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Body coordinates (N, 2) in cm -> columns and rows (N, 2) of the frame, in pixels."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        turned = points @ np.array([[cosine, sine], [-sine, cosine]])
        placed: NDArray[np.float64] = turned * self.scale + np.array(self.centre)
        return placed

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """The part of the coarse grid within `reach` cm of a point."""
        column, row = self.pixels(np.array([[x, y]]))[0] * COARSE / SIZE
        radius = reach * self.scale * COARSE / SIZE + 1
        low = [int(np.clip(at - radius, 0, COARSE)) for at in (row, column)]
        high = [int(np.clip(at + radius + 1, 0, COARSE)) for at in (row, column)]
        return slice(low[0], high[0]), slice(low[1], high[1])


def draw_grid(rng: Generator) -> Grid:
    """A pose: scale, rotation and shift as positioning leaves them."""
    scale = SIZE / FIELD_CM * rng.uniform(0.96, 1.12)
    turn = rng.normal(0, 0.03)
    centre = (SIZE / 2 + rng.normal(0, 9), SIZE / 2 + rng.normal(4, 9))
    at = (np.arange(COARSE, dtype=np.float32) + 0.5) * (SIZE / COARSE)
    across = (at - np.float32(centre[0])) / np.float32(scale)
    down = (at - np.float32(centre[1]))[:, np.newaxis] / np.float32(scale)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return Grid(
        across * cosine + down * sine, down * cosine - across * sine, scale, float(turn), centre
    )


@dataclass(frozen=True)
class Chest:
    """One patient's measures. Lengths in cm."""

    half_width: float
    """Inner, at its widest."""
    apex: float
    """The top of the lungs, y."""
    domes: tuple[float, float]
    """The tops of the diaphragm, image left (the patient's right) and image right, y."""
    dome_drop: float
    """From a dome's top to the costophrenic angle."""
    heart_ratio: float
    """The heart's width against the chest's inner width: the cardiothoracic ratio."""
    shift: float
    """Of the mediastinum, x."""
    depth: float
    """Of the lungs, front to back, where deepest."""
    lung_density: float
    """Of lung, against water."""
    vessels: float
    """How wide vessels are drawn, 1 usual."""
    body_depth: float
    pitch: float
    """From rib to rib."""
    rib_drop: float
    """From a rib's head to where it turns forward."""

    def wall(self, y: Plane | NDArray[np.float64]) -> Plane:
        """The rib cage's inner half width at y, float32."""
        along = np.clip((y - self.apex) / (4.5 - self.apex), 0, 1)
        arch = np.power(1 - np.power(1 - along, 2.2), 0.55)
        taper: Plane = 1 - np.clip(y - 6, 0, 8).astype(np.float32) * np.float32(0.006)
        half: Plane = (arch * taper).astype(np.float32) * np.float32(self.half_width)
        return half

    def diaphragm(self, x: Plane | NDArray[np.float64]) -> Plane:
        """y of the diaphragm at x, float32: a dome on each side, steep towards the ribs."""
        dome = np.where(x < 0, np.float32(self.domes[0]), np.float32(self.domes[1]))
        beside = (np.abs(x) - 6.0) / (self.half_width - 6.0)
        lateral = self.dome_drop * np.power(np.clip(beside, 0, 1.3), 2.4)
        medial = 0.35 * self.dome_drop * np.square(np.clip(6.0 - np.abs(x), 0, 6) / 6.0)
        level: Plane = (dome + lateral + medial).astype(np.float32)
        return level


def draw_chest(rng: Generator) -> Chest:
    """A patient without findings. Large normal hearts reach a ratio of 0.5."""
    right = rng.normal(6.6, 0.8)
    return Chest(
        half_width=rng.normal(13.3, 0.6),
        apex=rng.normal(-13.6, 0.5),
        domes=(right, right + rng.uniform(0.3, 1.8)),
        dome_drop=rng.uniform(2.8, 4.2),
        heart_ratio=rng.uniform(0.40, 0.505),
        shift=rng.normal(0, 0.25),
        depth=rng.uniform(14.5, 17.0),
        lung_density=rng.uniform(0.24, 0.30),
        vessels=rng.uniform(0.8, 1.2),
        body_depth=rng.uniform(18.5, 22.5),
        pitch=rng.uniform(1.95, 2.3),
        rib_drop=rng.uniform(3.0, 4.6),
    )


def smooth_noise(cells: int, rng: Generator, size: int = COARSE) -> Plane:
    """Gaussian noise of about unit variance, (size, size), correlated over size / cells."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def enlarge(plane: Plane) -> Plane:
    """A plane of the coarse grid at the frame's size."""
    return np.asarray(Image.fromarray(plane).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def ramp(distance: Plane, softness: float) -> Plane:
    """From 0 to 1 as a signed distance in cm passes 0, within about `softness` cm."""
    step: Plane = np.clip(distance / np.float32(softness) + np.float32(0.5), 0, 1)
    return step * step * (3 - 2 * step)
