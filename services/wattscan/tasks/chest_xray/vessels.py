"""The pulmonary vessels: trees that branch from each hilum and thin out towards the wall."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene, Stroke
from wattscan.tasks.chest_xray.geometry import HILUM, Plane

_LENGTHS = (4.2, 3.3, 2.8, 2.4)
"""Of each generation's branches, cm."""
_FIRST_DIRECTIONS = (-1.45, -1.0, -0.5, -0.05, 0.4, 0.8, 1.15, 1.5)
"""Of the stems, in radians below the horizontal that leads outwards."""


def add_vessels(scene: Scene, rng: Generator) -> None:
    """Both trees as strokes, and the hila as soft masses that the stems come from."""
    for side in (-1, 1):
        x = side * HILUM[0] + scene.chest.shift
        y = HILUM[1] + rng.normal(-0.4 * (side > 0), 0.3)  # the left hilum is higher
        _add_hilum(scene, x, y, rng)
        tree = _Tree(scene.vessels, side, iter(rng.random(1200).tolist()))
        for direction in _FIRST_DIRECTIONS:
            angle = direction + 0.35 * (next(tree.numbers) - 0.5)
            width = (0.5 + 0.25 * next(tree.numbers)) * scene.chest.vessels
            start = (x - side * 0.8 * next(tree.numbers), y + 1.4 * math.sin(angle))
            tree.grow(start, angle, width, 0)


def _add_hilum(scene: Scene, x: float, y: float, rng: Generator) -> None:
    near = scene.grid.window(x, y, 5)
    away: Plane = scene.grid.y[near] - np.float32(y)
    out = (scene.grid.x[near] - np.float32(x)) / np.float32(rng.uniform(1.2, 1.7))
    cloud = np.exp(-np.square(out) - np.square(away / np.float32(rng.uniform(1.7, 2.4))))
    scene.water[near] += np.float32(rng.uniform(0.8, 1.8) * scene.chest.vessels) * cloud


@dataclass(frozen=True)
class _Tree:
    strokes: list[Stroke]
    side: int
    numbers: Iterator[float]
    """Evenly drawn from 0 to 1."""

    def grow(self, start: tuple[float, float], angle: float, width: float, generation: int) -> None:
        """One branch, bent a little, then its two children."""
        numbers = self.numbers
        step = _LENGTHS[generation] * (0.7 + 0.6 * next(numbers)) / 4
        bend = 0.5 * (next(numbers) - 0.5)
        points = [start]
        for _ in range(4):
            x, y = points[-1]
            points.append((x + self.side * math.cos(angle) * step, y + math.sin(angle) * step))
            angle += bend / 4
        self.strokes.append(Stroke(np.array(points), width, 1.5 * width))
        if generation + 1 < len(_LENGTHS):
            for turn in (-1, 1):
                branch = angle + turn * (0.22 + 0.4 * next(numbers))
                thinner = width * (0.55 + 0.25 * next(numbers))
                self.grow(points[-1], branch, thinner, generation + 1)
