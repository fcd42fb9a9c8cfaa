"""Nodule, mass, hernia, and the net of fibrosis."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene
from wattscan.tasks.chest_xray.geometry import FIELD_CM, SIZE, Plane, ramp, smooth_noise
from wattscan.tasks.chest_xray.placing import Sign, place

NODULE_PIXELS = (8.0, 24.0)
MASS_PIXELS = (32.0, 90.0)
"""Diameters at severity 0 and 1, in frame pixels."""


def add_nodule(scene: Scene, sign: Sign, rng: Generator) -> None:
    """One to four small round shadows."""
    for _ in range(rng.integers(1, 5)):
        side = sign.side if rng.random() < 0.7 else -sign.side
        across = sign.scaled(*NODULE_PIXELS) * rng.uniform(0.85, 1.15)
        radius = float(np.clip(across, *NODULE_PIXELS)) / 2 / scene.grid.scale
        centre = place(scene, side, (scene.chest.apex + 2, min(scene.chest.domes) - 0.5), 7, rng)
        _add_ball(scene, (*centre, radius), 0.06, sign.scaled(1.6, 4.2), rng)


def add_mass(scene: Scene, sign: Sign, rng: Generator) -> None:
    """One large round shadow, lobulated."""
    across = sign.scaled(*MASS_PIXELS) * rng.uniform(0.85, 1.1)
    radius = float(np.clip(across, 30, MASS_PIXELS[1])) / 2 / scene.grid.scale
    rows = (scene.chest.apex + 3, min(scene.chest.domes) - 1.5)
    centre = place(scene, sign.side, rows, 7, rng)
    _add_ball(scene, (*centre, radius), rng.uniform(0.03, 0.09), sign.scaled(2.2, 5.8), rng)


def _add_ball(
    scene: Scene, ball: tuple[float, float, float], lobes: float, water: float, rng: Generator
) -> None:
    """The chord of a ball (x, y, radius), `water` cm at most, its radius wavy by `lobes`."""
    centre, radius = ball[:2], ball[2]
    near = scene.grid.window(*centre, 1.4 * radius + 0.3)
    x = scene.grid.x[near] - np.float32(centre[0])
    y = scene.grid.y[near] - np.float32(centre[1])
    angle = np.arctan2(y, x)
    edge = np.ones_like(angle)
    for order in (2, 3, 5):
        wave = np.cos(order * angle + np.float32(rng.uniform(0, 2 * np.pi)))
        edge += np.float32(2 * lobes / order) * wave
    across = np.hypot(x, y) / np.float32(radius) / edge
    chord = np.power(np.clip(1 - np.square(across), 0, 1), np.float32(0.4))
    scene.water[near] += np.float32(water) * chord


def add_hernia(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A stomach behind the heart: a round shadow with a wall, and air above a fluid level."""
    grid = scene.grid
    radius = sign.scaled(1.7, 4.0) * rng.uniform(0.9, 1.1)
    x, y = rng.uniform(0.0, 2.8), scene.chest.domes[1] - 0.55 * radius - rng.uniform(-0.3, 1.0)
    squash = rng.uniform(0.85, 1.2)
    across = np.hypot((grid.x - np.float32(x)) / np.float32(squash), grid.y - np.float32(y))
    ball = np.sqrt(np.clip(1 - np.square(across / np.float32(radius)), 0, 1))
    level = y + rng.uniform(-0.45, 0.15) * radius
    # Gravity knows no pose: a level is level in the frame.
    tilt = np.float32(np.tan(grid.turn))
    air = ramp(np.float32(level) - grid.y - tilt * (grid.x - np.float32(x)), 0.25)
    wall = np.exp(-np.square((across - np.float32(radius)) / 0.22))
    amount = np.float32(sign.scaled(0.4, 2.8))
    scene.water += amount * (ball * (1 - 2.4 * air) + 0.45 * wall)
    scene.perfused *= 1 - 0.7 * (ball > 0)


def add_fibrosis(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A net of fine lines, coarsest at the bases and under the pleura, on both sides."""
    inward = scene.chest.wall(scene.grid.y) - np.abs(scene.grid.x)
    low = min(scene.chest.domes)
    near_base = ramp(scene.grid.y - np.float32(low - 5), 7)
    near_wall = ramp(3.0 - inward, 4.0)
    weight = np.clip(near_base + 0.7 * near_wall, 0, 1.2) * np.clip(scene.lung / 5, 0, 1)
    weight *= np.clip(0.8 + 0.5 * smooth_noise(10, rng), 0.1, 1.4)
    weight *= np.where(scene.grid.x * sign.side > 0, 1.0, rng.uniform(0.5, 1.0))
    net = np.maximum(_net(scene, 38, rng), 0.7 * _net(scene, 60, rng))
    scene.water += np.float32(sign.scaled(1.0, 3.6)) * weight * (net - 0.2)


def _net(scene: Scene, cells: int, rng: Generator) -> Plane:
    """Where smooth noise passes zero: thin closed lines about cells of a constant size in cm."""
    noise = smooth_noise(round(cells * SIZE / FIELD_CM / scene.grid.scale), rng)
    net: Plane = np.exp(-np.square(noise / np.float32(0.32)))
    return net
