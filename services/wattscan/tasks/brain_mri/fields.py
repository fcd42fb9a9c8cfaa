"""Planes that vary smoothly, from which the head is drawn: noise, soft edges, strokes, blur.

A plane is float32 (height, width). Signed distances are in pixels, positive inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]

Knot = tuple[float, float, float]
"""x, y and radius of a stroke at one of its points, in pixels."""


def smooth_noise(size: tuple[int, int], cell: float, rng: Generator) -> Plane:
    """Gaussian noise of about unit variance, correlated over `cell` pixels."""
    cells = (max(2, round(size[0] / cell)), max(2, round(size[1] / cell)))
    return _stretch(rng.standard_normal(cells, np.float32), size)


def ring_noise(angle: Plane, depth: Plane, cells: tuple[int, int], rng: Generator) -> Plane:
    """Noise that is periodic in the angle.

    Args:
        angle: radians, in -pi to pi.
        depth: 0 to 1; outside, the noise goes on as at the nearer end.
        cells: how many independent values there are over the depth and around the circle.
        rng: draws them.

    Returns:
        A plane of `angle`'s shape, of about unit variance.
    """
    coarse = np.pad(rng.standard_normal(cells, np.float32), ((0, 0), (2, 2)), mode="wrap")
    per_cell = 8
    table = _stretch(coarse, (cells[0] * per_cell, coarse.shape[1] * per_cell))
    turns = angle / np.float32(2 * np.pi) + np.float32(0.5)
    columns = turns * np.float32(cells[1] * per_cell) + np.float32(2 * per_cell)
    rows = np.clip(depth, 0, 1) * np.float32(table.shape[0] - 1)
    return _sample(table, rows, columns)


def soft_step(distance: Plane, width: float = 0.5) -> Plane:
    """From 0 to 1 through 1/2 at distance 0: a logistic edge `width` pixels wide."""
    scaled = np.clip(distance / np.float32(width), -30, 30)
    edge: Plane = 1 / (1 + np.exp(-scaled))
    return edge


def stroke(x: Plane, y: Plane, knots: Sequence[Knot]) -> Plane:
    """Signed distance to a bent line whose radius changes evenly between its knots."""
    inside = np.full(x.shape, -np.inf, np.float32)
    for (x0, y0, r0), (x1, y1, r1) in pairwise(knots):
        dx, dy = np.float32(x1 - x0), np.float32(y1 - y0)
        from_x, from_y = x - np.float32(x0), y - np.float32(y0)
        along = np.clip((from_x * dx + from_y * dy) / (dx * dx + dy * dy), 0, 1)
        apart = np.hypot(from_x - along * dx, from_y - along * dy)
        np.maximum(inside, np.float32(r0) + along * np.float32(r1 - r0) - apart, out=inside)
    return inside


def ellipse(x: Plane, y: Plane, centre: tuple[float, float], axes: tuple[float, float]) -> Plane:
    """About the signed distance to an upright ellipse of the half-axes `axes`."""
    across = (x - np.float32(centre[0])) / np.float32(axes[0])
    down = (y - np.float32(centre[1])) / np.float32(axes[1])
    distance: Plane = (1 - np.hypot(across, down)) * np.float32(min(axes))
    return distance


def gaussian_blur(plane: Plane, sigma: float) -> Plane:
    """`plane` under a separable Gaussian, mirrored at the borders."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    height, width = plane.shape
    padded = np.pad(plane, reach, mode="reflect")
    rows = kernel[0] * padded[:height]
    for step in range(1, len(kernel)):
        rows += kernel[step] * padded[step : step + height]
    blurred: Plane = kernel[0] * rows[:, :width]
    for step in range(1, len(kernel)):
        blurred += kernel[step] * rows[:, step : step + width]
    return blurred


def _stretch(coarse: Plane, size: tuple[int, int]) -> Plane:
    image = Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _sample(table: Plane, rows: Plane, columns: Plane) -> Plane:
    """Bilinear look-up at fractional places within `table`."""
    top = np.minimum(rows.astype(np.intp), table.shape[0] - 2)
    left = np.minimum(columns.astype(np.intp), table.shape[1] - 2)
    down, right = rows - top.astype(np.float32), columns - left.astype(np.float32)
    flat = table.ravel()
    place = top * table.shape[1] + left
    upper = flat[place] * (1 - right) + flat[place + 1] * right
    place += table.shape[1]
    lower = flat[place] * (1 - right) + flat[place + 1] * right
    sampled: Plane = upper * (1 - down) + lower * down
    return sampled
