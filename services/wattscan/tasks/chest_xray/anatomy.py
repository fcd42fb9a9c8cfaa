"""The soft tissue and air of the trunk, as thickness along the beam in cm of water.

Each organ is a chord: what a ray meets of an ellipsoid grows as the square root of the distance
from its edge, so silhouettes are sharp where the beam grazes them (Felson's silhouette sign).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.tasks.chest_xray.geometry import Chest, Grid, Plane, ramp, smooth_noise


@dataclass(frozen=True)
class Stroke:
    """A line in body coordinates: points (N, 2) and width in cm, thickness in cm of water."""

    points: NDArray[np.float64]
    width: float
    water: float


@dataclass
class Scene:
    """What has been drawn so far. Planes are float32 (256, 256), on the grid."""

    grid: Grid
    chest: Chest
    water: Plane
    """All that absorbs, cm of water."""
    lung: Plane
    """Lung in front of or behind other things, cm; what a finding can fill."""
    perfused: Plane
    """Where vessels are drawn, 0 to 1."""
    strokes: list[Stroke] = field(default_factory=list)
    vessels: list[Stroke] = field(default_factory=list)
    hollows: list[Stroke] = field(default_factory=list)
    """Lines of air, taken off."""

    def fill(self, fraction: Plane) -> None:
        """Replace a fraction of the lung's air by fluid or tissue: opacity, as of airspace."""
        filled = np.clip(fraction, 0, 1) * self.lung
        self.water += filled * np.float32(1 - self.chest.lung_density)
        # What is full cannot be filled again by another finding.
        self.lung -= filled


def trunk(grid: Grid, chest: Chest, rng: Generator) -> Scene:
    """Body, lungs, mediastinum with the heart, diaphragm, airways and stomach."""
    middle = _mediastinum(grid, chest, rng)
    lung = _lungs(grid, chest, rng) * (1 - middle)
    water = _body(grid, chest, rng)
    texture = 1 + 0.035 * smooth_noise(24, rng) + 0.03 * smooth_noise(70, rng)
    water -= np.float32(1 - chest.lung_density) * lung * texture
    water -= _airways(grid, chest)
    _add_stomach_bubble(water, grid, chest, rng)
    return Scene(grid, chest, water, lung, np.clip(lung / 4, 0, 1))


def _body(grid: Grid, chest: Chest, rng: Generator) -> Plane:
    """Neck, shoulders and trunk, with folds of muscle and fat."""
    wide = chest.half_width + rng.uniform(3.0, 5.0)
    neck = chest.apex - 4.5
    tops = np.array([neck - 4, neck, neck + 2.2, neck + 3.8, neck + 6, -5.5, -3, 2, 22])
    halves = np.array([5.5, 6.2, 11, 17, 24, 24, wide + 0.6, wide, wide + 0.4])
    half = _along(grid.y, tops, halves)
    depth = _along(grid.y, np.array([-22, -15, -7, 6, 20]), np.array([0.5, 0.68, 1, 1.08, 1.15]))
    inside = np.clip(1 - np.power(np.abs(grid.x) / half, 2.6), 0, 1)
    folds = 1 + np.float32(0.025) * smooth_noise(9, rng)
    body: Plane = np.float32(chest.body_depth) * depth * np.sqrt(inside) * folds
    return body


def _lungs(grid: Grid, chest: Chest, rng: Generator) -> Plane:
    """Depth of the pleural spaces, were the mediastinum not between them."""
    wall = chest.wall(grid.y) + np.float32(0.12) * smooth_noise(10, rng)
    inside = np.clip(1 - np.square(grid.x / np.maximum(wall, 0.1)), 0, 1)
    # The apices are two domes, so the lungs' top falls off towards the midline.
    top = chest.apex + 1.6 * np.square(np.clip(4.6 - np.abs(grid.x), 0, 4.6) / 4.6)
    apical = np.sqrt(np.clip((grid.y - top) / 7, 0, 1)).astype(np.float32)
    below = grid.y - chest.diaphragm(grid.x) - np.float32(0.15) * smooth_noise(7, rng)
    covered = ramp(below, 0.35) * (0.55 + 0.45 * np.sqrt(np.clip(below / 4, 0, 1)))
    depth: Plane = np.float32(chest.depth) * np.sqrt(inside) * apical * (1 - covered)
    return depth


def _mediastinum(grid: Grid, chest: Chest, rng: Generator) -> Plane:
    """The fraction of the chest's depth that vessels and heart take from the lungs, 0 to 0.85."""
    width = 2 * chest.half_width * chest.heart_ratio
    share = rng.uniform(0.28, 0.36)
    knob, trunk_bulge = rng.uniform(0.2, 1.3), rng.uniform(-0.3, 0.6)
    left, right = (1 - share) * width, share * width
    low_left, low_right = chest.domes[1], chest.domes[0]
    arch = chest.apex + 6.2
    left_edge = _along(
        grid.y,
        np.array([-22, arch - 2, arch, arch + 1.6, -3.6, -1.5, low_left - 5, low_left - 2.4,
                  low_left - 0.6, low_left + 1.6, low_left + 5]),
        np.array([2.3, 2.4, 2.9 + knob, 2.6, 2.9 + trunk_bulge, 3.4, 0.87 * left, left,
                  0.96 * left, 0.7 * left, 2.0]),
    )  # fmt: skip
    right_edge = _along(
        grid.y,
        np.array([-22, arch - 2, -4, -2, low_right - 4.4, low_right - 1.5, low_right + 3]),
        np.array([2.3, 2.6, 2.5, 2.7, right, 0.93 * right, 2.0]),
    )
    middle, half = (left_edge - right_edge) / 2 + chest.shift, (left_edge + right_edge) / 2
    across = np.clip(1 - np.square((grid.x - middle) / half), 0, 1)
    fraction: Plane = np.float32(0.88) * np.power(across, np.float32(0.4))
    return fraction


def _airways(grid: Grid, chest: Chest) -> Plane:
    """Trachea, carina and main bronchi, cm of air."""
    fork = chest.apex + 9.0
    x = grid.x - np.float32(chest.shift * 1.3)
    tube = np.sqrt(np.clip(1 - np.square(x / 0.95), 0, 1)) * ramp(fork - grid.y, 1.0)
    down = np.clip(grid.y - fork, 0, None)
    side = np.abs(x) - np.float32(0.35) - down * np.where(x < 0, 0.75, 1.25)
    bronchi = np.sqrt(np.clip(1 - np.square(side / 0.8), 0, 1))
    bronchi *= ramp(grid.y - fork, 0.6) * ramp(fork + 3.2 - grid.y, 1.5)
    air: Plane = np.float32(2.2) * tube + np.float32(1.6) * bronchi
    return air.astype(np.float32)


def _add_stomach_bubble(water: Plane, grid: Grid, chest: Chest, rng: Generator) -> None:
    """Gas below the left dome, flat at its bottom, in most."""
    x, y = rng.uniform(4.5, 8.5), chest.domes[1] + rng.uniform(1.6, 2.6)
    wide, high, present = rng.uniform(1.5, 3.4), rng.uniform(0.8, 1.7), rng.random() < 0.7
    inside = np.square((grid.x - x) / wide) + np.square((grid.y - y) / high)
    if present:
        level = ramp(y + 0.5 * high - grid.y, 0.3)
        water -= np.float32(rng.uniform(3, 6)) * level * np.sqrt(np.clip(1 - inside, 0, 1))


def _along(y: Plane, knots: NDArray[np.float64], values: NDArray[np.float64]) -> Plane:
    """A smooth curve through values at knots of y, evaluated on the grid."""
    fine = np.linspace(-24, 26, 1001)
    taps = np.exp(-0.5 * np.square(np.arange(-40, 41) / 14))
    straight = np.interp(np.linspace(-26, 28, 1081), knots, values)
    curve = np.convolve(straight, taps / taps.sum(), mode="valid")
    return np.interp(y, fine, curve).astype(np.float32)
