"""Ribs, clavicles, shoulder blades and spine, added to a scene as cm of water.

A bone is a shell: its cortex is dense and its marrow is not, so both edges are brighter than the
middle. A rib runs down and outwards behind the lung, turns at the wall and comes down and inwards
in front of it, where cartilage, which absorbs little, takes over.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.tasks.chest_xray.anatomy import Scene
from wattscan.tasks.chest_xray.geometry import Plane, ramp, smooth_noise

_ROWS = np.arange(-40, 40, 0.05)
"""The values of y, cm, at which the distance to the nearest rib is tabled."""


def add_bones(scene: Scene, rng: Generator) -> None:
    """The whole skeleton of a chest."""
    density = rng.uniform(0.75, 1.15)
    _add_ribs(scene, density, rng)
    for side in (-1, 1):
        _add_clavicle(scene, side, density, rng)
        _add_shoulder(scene, side, density, rng)
    _add_spine(scene, density, rng)


def _add_ribs(scene: Scene, density: float, rng: Generator) -> None:
    grid, chest = scene.grid, scene.chest
    outer = chest.wall(grid.y) + np.float32(0.5)
    across = np.clip(np.abs(grid.x) / np.maximum(outer, np.float32(0.2)), 0, 1)
    # Seen from above a rib is half an ellipse: how far forward it lies, and how steeply it falls.
    forward: Plane = np.sqrt(1 - np.square(np.clip(across, 0, 0.985)))
    slope: Plane = across / forward / outer
    inside = ramp(outer - np.abs(grid.x), 0.3)
    drops = chest.rib_drop * rng.normal(1, 0.05, 2)
    drop = np.where(grid.x < 0, np.float32(drops[0]), np.float32(drops[1]))
    count = rng.integers(9, 12)
    heads = chest.apex + rng.uniform(-0.2, 0.5) + chest.pitch * np.arange(count)
    heads = heads + rng.normal(0, 0.08, count)
    wobble = np.float32(0.12) * smooth_noise(9, rng)
    behind: Plane = grid.y - drop * (1 - forward) + np.sin(np.float32(np.pi) * across) / 2 + wobble
    near = _nearest(behind, heads) / np.sqrt(1 + np.square(drop * slope))
    bone = _shell(near / np.float32(rng.uniform(0.5, 0.66)))
    bone *= ramp(np.abs(grid.x) - np.float32(1.6), 0.8)
    scene.water += np.float32(1.6 * density) * bone * inside
    fall = np.float32(rng.uniform(4.2, 6.2))
    front: Plane = behind - (drop + fall) * forward + np.float32(0.3)
    near = _nearest(front, heads[:7]) / np.sqrt(1 + np.square(0.6 * (drop + fall) * slope))
    bone = _shell(near / np.float32(rng.uniform(0.58, 0.75)))
    bone *= ramp(np.abs(grid.x) - np.float32(rng.uniform(6.0, 8.0)), 2.0)
    scene.water += np.float32(1.25 * density) * bone * inside


def _nearest(y: Plane, centres: NDArray[np.float64]) -> Plane:
    """Distance in cm from each y to the nearest centre."""
    table = np.abs(_ROWS[:, np.newaxis] - centres).min(axis=1)
    distance: Plane = np.interp(y, _ROWS, table).astype(np.float32)
    return distance


def _shell(across: Plane) -> Plane:
    """Thickness through a tube, 0 from its outline (1) outwards: cortex about a thin marrow."""
    squared = np.square(across)
    outer = np.sqrt(np.clip(1 - squared, 0, 1))
    inner = np.sqrt(np.clip(0.6 - squared, 0, 1))
    shell: Plane = 1.35 * outer - 0.75 * inner
    return shell


def _add_clavicle(scene: Scene, side: int, density: float, rng: Generator) -> None:
    grid = scene.grid
    out = np.float32(side) * grid.x - np.float32(1.6)
    rise, bend, thick = rng.uniform(0.05, 0.28), rng.uniform(0.3, 0.9), rng.uniform(0.5, 0.68)
    start = scene.chest.apex + rng.uniform(1.6, 3.4)
    centre = start - np.float32(rise) * out + np.float32(bend) * np.sin(out * np.float32(0.47))
    radius = np.float32(thick) * (1 + 0.5 * np.exp(-np.square(out / 2)))
    bone = _shell((grid.y - centre) / radius)
    scene.water += np.float32(2.1 * density) * bone * ramp(out, 0.5) * ramp(15 - out, 1.0)


def _add_shoulder(scene: Scene, side: int, density: float, rng: Generator) -> None:
    """The shoulder blade with its medial edge, and the head of the humerus."""
    grid = scene.grid
    out = np.float32(side) * grid.x
    top, bottom = scene.chest.apex + rng.uniform(1, 2.5), rng.uniform(-1, 2)
    edge = rng.uniform(0.82, 1.02) * scene.chest.half_width - 0.5
    bow: Plane = np.float32(0.12) * np.square((grid.y + 5) / 4)
    medial: Plane = np.float32(edge) - np.float32(0.14) * (grid.y - np.float32(bottom)) + bow
    lateral: Plane = medial + np.float32(0.62) * np.clip(bottom - grid.y, 0, 12) + 0.2
    within = ramp(grid.y - top, 0.8) * ramp(bottom - grid.y, 0.8)
    plate = ramp(out - medial, 0.3) * ramp(lateral - out, 0.3)
    border = np.exp(-np.square((out - medial) / 0.22)) + np.exp(-np.square((out - lateral) / 0.4))
    scene.water += np.float32(0.5 * density) * within * (plate + 1.3 * border)
    x, y, radius = rng.uniform(17, 19), scene.chest.apex + rng.uniform(0.5, 2.5), 2.6
    ball = np.square((out - x) / radius) + np.square((grid.y - y) / radius)
    scene.water += np.float32(1.9 * density) * np.sqrt(np.clip(1 - ball, 0, 1))


def _add_spine(scene: Scene, density: float, rng: Generator) -> None:
    """Vertebral bodies between discs, pedicles and spinous processes."""
    grid = scene.grid
    curve = rng.normal(0, 0.35) * np.sin(grid.y * np.float32(0.11) + np.float32(rng.uniform(0, 6)))
    x = np.abs(grid.x - curve)
    pitch = rng.uniform(2.2, 2.6)
    phase = np.mod(grid.y / np.float32(pitch) + np.float32(rng.random()), 1) - 0.5
    body = ramp(1.6 + 0.9 * np.square(phase) - x, 0.9)
    disc = np.exp(-np.square((np.abs(phase) - 0.5) / 0.07))
    plates = np.exp(-np.square((np.abs(phase) - 0.38) / 0.04))
    pedicle = np.exp(-np.square((x - 1.15) / 0.28) - np.square((phase + 0.12) / 0.13))
    process = np.exp(-np.square(x / 0.28) - np.square((phase - 0.25) / 0.2))
    bone = body * (1.5 - 1.1 * disc + 0.45 * plates) + 0.8 * pedicle + 0.8 * process
    scene.water += np.float32(0.75 * density) * bone
