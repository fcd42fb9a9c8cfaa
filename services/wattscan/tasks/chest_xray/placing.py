"""What findings share: a finding's severity and side, places in a lung, ragged outlines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene
from wattscan.tasks.chest_xray.geometry import COARSE, SIZE, Plane, smooth_noise


@dataclass(frozen=True)
class Sign:
    """One finding in one frame."""

    severity: float
    """0 invisible, 1 obvious."""
    side: int
    """-1 or 1: where, if on one side."""

    def scaled(self, low: float, high: float) -> float:
        """A measure between its value at severity 0 and at 1."""
        return low + (high - low) * self.severity


Drawer = Callable[[Scene, Sign, Generator], None]


def place(
    scene: Scene, side: int, rows: tuple[float, float], least_lung: float, rng: Generator
) -> tuple[float, float]:
    """A point (x, y) in cm, y within `rows`, with `least_lung` cm of lung if one is found."""
    wall = scene.chest.half_width
    x, y = side * 0.55 * wall, sum(rows) / 2
    for _ in range(12):
        at = np.array([[side * rng.uniform(0.25, 0.9) * wall, rng.uniform(*rows)]])
        column, row = (scene.grid.pixels(at)[0] * COARSE / SIZE).astype(int)
        if 0 <= row < COARSE and 0 <= column < COARSE and scene.lung[row, column] > least_lung:
            return float(at[0, 0]), float(at[0, 1])
    return x, y


def outline(
    scene: Scene,
    centre: tuple[float, float],
    radii: tuple[float, float],
    ragged: float,
    rng: Generator,
) -> Plane:
    """Distance from a centre, 1 on an ellipse's outline, made ragged by noise."""
    x, y = (scene.grid.x - np.float32(centre[0])), (scene.grid.y - np.float32(centre[1]))
    radius = np.hypot(x / np.float32(radii[0]), y / np.float32(radii[1]))
    rough = smooth_noise(14, rng) + 0.5 * smooth_noise(34, rng)
    distance: Plane = radius + np.float32(ragged) * rough
    return distance


def zones(scene: Scene) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """The rows, in cm, of the upper, middle and lower third of the lungs."""
    top, bottom = scene.chest.apex + 2.0, min(scene.chest.domes)
    third = (bottom - top) / 3
    return (top, top + third), (top + third, top + 2 * third), (top + 2 * third, bottom)
