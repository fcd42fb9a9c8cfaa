"""What the phantom is made of: each structure changes a map of echo levels in place.

Levels are decibels against muscle, float32 (depth, lateral); lengths are pixels of 0.1 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

_RIM = 0.84
"""Where the rim begins, as a fraction of the outline's radius."""


@dataclass(frozen=True)
class Oval:
    """A smooth irregular outline: an ellipse whose radius wobbles with the angle."""

    row: float
    column: float
    half_width: float
    half_height: float
    tilt: float
    """Radians."""
    wobble: tuple[tuple[int, float, float], ...]
    """(order, relative amplitude, phase) of each cosine in the radius."""


def tissue(size: tuple[int, int], rng: Generator) -> Plane:
    """Skin, fat and muscle with septa, and the wavy fascia between them."""
    height, width = size
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    skin = _wave(width, rng, rng.uniform(10, 20), 2)
    fat = skin + _wave(width, rng, rng.uniform(30, 80), 8)
    levels = np.where(rows < skin, np.float32(7), np.float32(-5)).astype(np.float32)
    septa = np.maximum(smooth_noise(size, (60, 9), rng), 0) * np.float32(rng.uniform(2, 5))
    fibres = smooth_noise(size, (105, 12), rng) * np.float32(rng.uniform(1.5, 4))
    levels = np.where(rows < fat, levels + septa, fibres)
    levels += smooth_noise(size, (8, 11), rng) * np.float32(rng.uniform(1.5, 3.5))
    _add_fascia(levels, fat, rng)
    depth = fat
    for _ in range(rng.integers(1, 4)):
        depth = depth + _wave(width, rng, rng.uniform(70, 150), 16)
        _add_fascia(levels, depth, rng)
    return levels


def place_oval(
    size: tuple[int, int],
    rng: Generator,
    half_widths: tuple[float, float],
    half_heights: tuple[float, float],
    taken: list[tuple[float, float, float]],
) -> Oval | None:
    """An oval that touches none of `taken` ((row, column, radius), appended to), or None."""
    height, width = size
    for _ in range(8):
        wide, high = rng.uniform(*half_widths), rng.uniform(*half_heights)
        row, column = rng.uniform(0.27, 0.8) * height, rng.uniform(0.12, 0.88) * width
        reach = max(wide, high)
        if all(np.hypot(row - r, column - c) > reach + radius for r, c, radius in taken):
            taken.append((row, column, reach))
            wobble = tuple(
                (k, rng.uniform(0, 0.16) / k, rng.uniform(0, 2 * np.pi)) for k in range(2, 6)
            )
            return Oval(row, column, wide, high, rng.uniform(-0.5, 0.5), wobble)
    return None


def add_nerve(levels: Plane, mask: NDArray[np.uint8], oval: Oval, rng: Generator) -> None:
    """Fascicles, darker than muscle, within a bright rim; `mask` becomes 1 on both."""
    area, radius, angle = _polar(levels.shape, oval)
    clear = rng.uniform(0.35, 0.95)  # how well this nerve stands out
    core = -9 * clear + 3 * clear * _honeycomb(radius.shape, rng)
    # Specular: full where the outline lies across the beam, weak where it runs along it.
    facing = np.abs(np.sin(angle + np.float32(oval.tilt)))
    rim = 10 * clear * (0.25 + 0.75 * facing)
    view = levels[area]
    surround = view.copy()
    view[...] = np.where(radius < _RIM, 0.35 * surround + core, view)
    view[...] = np.where((radius >= _RIM) & (radius <= 1), 0.35 * surround + rim, view)
    mask[area] = (radius <= 1).astype(np.uint8)


def add_vessel(levels: Plane, oval: Oval, rng: Generator) -> None:
    """Black blood, a thin wall, and enhancement below, since blood attenuates little."""
    area, radius, _ = _polar(levels.shape, oval)
    view = levels[area]
    view[...] = np.where(radius < 1.12, np.float32(rng.uniform(2, 6)), view)
    view[...] = np.where(radius < 1.0, np.float32(rng.uniform(-30, -18)), view)
    below = int(oval.row + oval.half_height)
    columns = np.arange(levels.shape[1], dtype=np.float32)
    across = np.exp(-0.5 * ((columns - oval.column) / (0.6 * oval.half_width)) ** 2)
    levels[below:] += np.float32(rng.uniform(2, 6)) * across.astype(np.float32)


def add_lymph_node(levels: Plane, oval: Oval, rng: Generator) -> None:
    """As dark as a nerve; a bright hilum in the middle of most, a faint capsule around some."""
    area, radius, _ = _polar(levels.shape, oval)
    view = levels[area]
    dark = np.float32(rng.uniform(-9, -4))
    view[...] = np.where(radius < 1, 0.35 * view + dark, view)
    if rng.random() < 0.25:
        capsule = np.float32(rng.uniform(1, 3.5))
        view[...] = np.where((radius > _RIM) & (radius <= 1), capsule, view)
    if rng.random() < 0.7:
        hilum = np.float32(rng.uniform(5, 10)) * np.exp(-0.5 * (radius / 0.3) ** 2)
        view += np.where(radius < 1, hilum, 0)


def add_shadow(levels: Plane, rng: Generator) -> None:
    """A column that the beam reaches weakened: poor contact, or calcium at some depth."""
    height, width = levels.shape
    start = 0 if rng.random() < 0.5 else int(rng.uniform(0.1, 0.6) * height)
    columns = np.arange(width, dtype=np.float32)
    spread = rng.uniform(10, 45)
    across = np.exp(-0.5 * ((columns - rng.uniform(0, width)) / spread) ** 2)
    levels[start:] -= np.float32(rng.uniform(4, 14)) * across.astype(np.float32)


def smooth_noise(size: tuple[int, int], cells: tuple[int, int], rng: Generator) -> Plane:
    """Gaussian noise of about unit variance, (height, width), correlated over one of `cells`."""
    coarse = Image.fromarray(rng.standard_normal(cells, np.float32))
    return np.asarray(coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def _add_fascia(levels: Plane, depth: Plane, rng: Generator) -> None:
    rows = np.arange(levels.shape[0], dtype=np.float32)[:, np.newaxis]
    thickness = rng.uniform(1.5, 4)
    line = np.exp(-0.5 * ((rows - depth) / np.float32(thickness)) ** 2)
    broken = np.clip(1 + 0.5 * smooth_noise((1, levels.shape[1]), (1, 9), rng), 0.1, 1.4)
    levels += np.float32(rng.uniform(8, 15)) * line * broken


def _wave(width: int, rng: Generator, mean: float, swing: float) -> Plane:
    """A smooth curve over the frame's width, in pixels of depth."""
    across = np.linspace(0, 2 * np.pi, width, dtype=np.float32)
    curve = np.full(width, mean, np.float32)
    for order in (0.5, 1.0, 2.0):
        amplitude, phase = rng.uniform(0, swing / (1 + order)), rng.uniform(0, 2 * np.pi)
        curve += np.float32(amplitude) * np.sin(np.float32(order) * across + np.float32(phase))
    return curve


def _polar(shape: tuple[int, ...], oval: Oval) -> tuple[tuple[slice, slice], Plane, Plane]:
    """The oval's surroundings: their place, and there radius (1 on the outline) and angle."""
    reach = 1.5 * max(oval.half_width, oval.half_height)
    top, bottom = max(0, int(oval.row - reach)), min(shape[0], int(oval.row + reach) + 1)
    left, right = max(0, int(oval.column - reach)), min(shape[1], int(oval.column + reach) + 1)
    down = np.arange(top, bottom, dtype=np.float32)[:, np.newaxis] - np.float32(oval.row)
    right_of = np.arange(left, right, dtype=np.float32) - np.float32(oval.column)
    cosine, sine = np.float32(np.cos(oval.tilt)), np.float32(np.sin(oval.tilt))
    along = (right_of * cosine + down * sine) / np.float32(oval.half_width)
    across = (down * cosine - right_of * sine) / np.float32(oval.half_height)
    angle: Plane = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for order, amplitude, phase in oval.wobble:
        outline += np.float32(amplitude) * np.cos(order * angle + np.float32(phase))
    area = (slice(top, bottom), slice(left, right))
    return area, (np.hypot(along, across) / outline).astype(np.float32), angle


def _honeycomb(shape: tuple[int, ...], rng: Generator) -> Plane:
    """Fascicles packed in a hexagonal lattice: three plane waves 60 degrees apart, in -1..1."""
    pitch, turn = rng.uniform(14, 26), rng.uniform(0, np.pi / 3)
    rows = np.arange(shape[0], dtype=np.float32)[:, np.newaxis]
    columns = np.arange(shape[1], dtype=np.float32)
    total = np.zeros(shape, np.float32)
    for third in range(3):
        direction = turn + third * np.pi / 3
        wave = 2 * np.pi / pitch
        total += np.cos(
            np.float32(wave * np.cos(direction)) * columns
            + np.float32(wave * np.sin(direction)) * rows
        )
    return total / np.float32(3)
