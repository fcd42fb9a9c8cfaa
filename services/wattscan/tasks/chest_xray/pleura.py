"""What lies between lung and chest wall: fluid, air, scar."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene, Stroke
from wattscan.tasks.chest_xray.geometry import Plane, ramp, smooth_noise
from wattscan.tasks.chest_xray.placing import Sign

BOTH_SIDES = 0.3
"""How often an effusion is bilateral."""


def add_effusion(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Fluid that blunts the costophrenic angle and climbs the wall in a meniscus."""
    sides = (-1, 1) if rng.random() < BOTH_SIDES else (sign.side,)
    for side in sides:
        chest, grid = scene.chest, scene.grid
        out = np.clip(grid.x * side, 0, None) / np.float32(chest.half_width)
        dome = chest.domes[0 if side < 0 else 1]
        angle = dome + chest.dome_drop
        level = angle - sign.scaled(0.2, 6.5) * rng.uniform(0.8, 1.15)
        climb = sign.scaled(1.2, 4.5) * np.power(np.clip(out, 0, 1.1), np.float32(5))
        above = np.float32(level) - climb.astype(np.float32) - grid.y
        wet = ramp(-above, sign.scaled(0.5, 1.4)) * ramp(grid.x * side, 0.6)
        # The lung that floats behind the fluid keeps some air.
        scene.fill(np.float32(sign.scaled(0.7, 0.95)) * wet)
        scene.perfused *= 1 - 0.9 * wet


def add_pneumothorax(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Air outside the visceral line: no vessels there, and the lung shrunk towards its root."""
    chest, grid, side = scene.chest, scene.grid, sign.side
    shrunk = 1 - sign.scaled(0.035, 0.38) * rng.uniform(0.85, 1.15)
    root = (side * 3.2, min(chest.domes) - 1.0)
    x = (grid.x - np.float32(root[0])) / np.float32(shrunk) + np.float32(root[0])
    y = (grid.y - np.float32(root[1])) / np.float32(shrunk) + np.float32(root[1])
    beyond = np.maximum(np.abs(x) - chest.wall(y), 1.5 * (np.float32(chest.apex + 0.3) - y))
    free = ramp(beyond, 0.25) * ramp(grid.x * side - 1.5, 0.5)
    scene.water -= np.float32(1.5 * chest.lung_density) * scene.lung * free
    scene.perfused *= 1 - free
    scene.fill((1 - free) * np.float32(sign.scaled(0.0, 0.14)) * ramp(grid.x * side, 0.6))
    rows = np.linspace(chest.apex + 0.4, root[1] + 2.0, 40)
    line = np.stack([side * chest.wall(rows).astype(float), rows], 1)
    line = np.array(root) + shrunk * (line - np.array(root))
    scene.strokes.append(Stroke(line, 0.13, sign.scaled(0.7, 1.6)))


def add_pleural_thickening(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A band along the lateral wall, or over the apex, of uneven thickness."""
    chest, grid = scene.chest, scene.grid
    thick = sign.scaled(0.4, 1.6) * rng.uniform(0.85, 1.15)
    rough = np.clip(1 + 0.3 * smooth_noise(16, rng), 0.3, 1.8)
    apical = rng.random() < 0.35
    middle = chest.apex + 1.0 if apical else rng.uniform(-3, 3)
    half = rng.uniform(3.5, 4.5) if apical else rng.uniform(4.5, 7.0)
    ends = ramp(np.float32(half) - np.abs(grid.y - np.float32(middle)), 2.0)
    inward = _to_wall(scene)
    band = ramp(np.float32(thick) * rough * ends - inward, 0.25) * ramp(inward + 0.3, 0.3)
    # At the midline, above the lungs, the wall's formula has no chest to follow.
    band *= ramp(ends - 0.15, 0.3) * ramp(grid.x * sign.side - 3.4, 1.2)
    band *= ramp(chest.diaphragm(grid.x) + 0.5 - grid.y, 1.0)
    scene.water += np.float32(sign.scaled(2.0, 5.2)) * band * (0.9 + 0.15 * rough)
    scene.perfused *= 1 - 0.8 * band


def _to_wall(scene: Scene) -> Plane:
    """Distance from the chest wall inwards, cm: square to the wall, since the apex is round."""
    chest, grid = scene.chest, scene.grid
    step = np.float32(0.3)
    wall = chest.wall(grid.y)
    slope = (chest.wall(grid.y + step) - wall) / step
    inward: Plane = (wall - np.abs(grid.x)) / np.sqrt(1 + np.square(slope))
    return inward.astype(np.float32)
