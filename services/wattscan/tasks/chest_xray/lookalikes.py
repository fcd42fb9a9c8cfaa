"""Normal and foreign things that a reader must not mistake for findings."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene, Stroke
from wattscan.tasks.chest_xray.geometry import HILUM, ramp, smooth_noise
from wattscan.tasks.chest_xray.placing import Drawer, Sign

RATES: dict[str, float] = {
    "nipples": 0.2,
    "dots": 0.6,
    "breasts": 0.45,
    "skin_fold": 0.12,
    "fat_pad": 0.3,
    "cartilage": 0.25,
    "fissure": 0.35,
    "leads": 0.3,
    "tube": 0.25,
    "pacemaker": 0.08,
    "marker": 0.7,
}
"""How often each is present."""


def add_lookalikes(scene: Scene, rng: Generator) -> None:
    """Each present with its rate, on its own stream, so that one does not move another."""
    for (name, rate), stream in zip(RATES.items(), rng.spawn(len(RATES)), strict=True):
        if stream.random() < rate:
            sign = Sign(stream.uniform(0.2, 1), int(stream.choice((-1, 1))))
            _DRAWERS[name](scene, sign, stream)


def _add_disc(scene: Scene, x: float, y: float, radius: float, water: float) -> None:
    near = scene.grid.window(x, y, radius)
    across = np.hypot(scene.grid.x[near] - np.float32(x), scene.grid.y[near] - np.float32(y))
    scene.water[near] += np.float32(water) * ramp(np.float32(radius) - across, 0.2)


def _nipples(scene: Scene, sign: Sign, rng: Generator) -> None:
    x, y = rng.uniform(7, 9.5), rng.uniform(3, 6)
    for side in (-1, 1):
        shown = sign.scaled(0.3, 0.7) * rng.uniform(0.5, 1)
        _add_disc(scene, side * x + rng.normal(0, 0.3), y + rng.normal(0, 0.3), 0.45, shown)


def _dots(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Vessels seen end on, near the hila."""
    for _ in range(rng.integers(2, 6)):
        x = rng.choice((-1, 1)) * (HILUM[0] + rng.uniform(0.3, 3.5))
        _add_disc(
            scene, x, HILUM[1] + rng.normal(0, 2.2), rng.uniform(0.15, 0.27), sign.scaled(0.5, 1.1)
        )


def _breasts(scene: Scene, sign: Sign, rng: Generator) -> None:
    grid = scene.grid
    x, y = rng.uniform(7, 9), rng.uniform(2.5, 6)
    wide, high, water = rng.uniform(5, 7.5), rng.uniform(4.5, 6.5), sign.scaled(0.8, 3.2)
    for side in (-1, 1):
        out, down = (grid.x - np.float32(side * x)) / wide, (grid.y - np.float32(y)) / high
        chord = np.sqrt(np.clip(1 - np.square(out) - np.square(down), 0, 1))
        # It hangs: thicker below, and it fades into the chest above.
        scene.water += np.float32(water) * chord * np.clip(0.75 + 0.45 * down, 0.1, 1.2)


def _skin_fold(scene: Scene, sign: Sign, rng: Generator) -> None:
    """An edge down the lung that looks like a visceral line, but vessels cross it."""
    grid = scene.grid
    at = rng.uniform(0.5, 0.85) * scene.chest.half_width
    curve = at + 0.15 * grid.y + np.float32(0.25) * smooth_noise(6, rng)
    inside = curve - grid.x * sign.side
    length = ramp(grid.y - np.float32(rng.uniform(-12, -6)), 2) * ramp(8 - grid.y, 3)
    fold = ramp(inside, 0.2) * np.exp(-np.clip(inside, 0, None) / 1.6)
    scene.water += np.float32(sign.scaled(0.5, 1.4)) * fold * length


def _fat_pad(scene: Scene, sign: Sign, rng: Generator) -> None:
    grid, side = scene.grid, 1 if rng.random() < 0.75 else -1
    chest = scene.chest
    edge = chest.heart_ratio * 2 * chest.half_width * (0.66 if side > 0 else 0.33)
    out = np.clip(grid.x * side - np.float32(edge - 0.8), 0, None)
    up = np.clip(chest.domes[0 if side < 0 else 1] + 0.8 - grid.y, 0, None)
    reach = sign.scaled(1.5, 4)
    pad = ramp(1 - out / reach - up / reach, 0.3) * ramp(grid.x * side, 1)
    scene.fill(np.float32(rng.uniform(0.2, 0.5)) * pad)


def _cartilage(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Calcium in the front ends of the lower ribs: stippled short bars."""
    for side in (-1, 1):
        for row in range(rng.integers(2, 5)):
            for _ in range(7):
                x = side * (4.5 + 2.5 * rng.random())
                y = 1.5 + 2.1 * row + 0.5 * rng.normal() + 0.3 * (7 - abs(x))
                ends = np.array([[x, y], [x + rng.normal(0, 0.3), y + rng.normal(0, 0.15)]])
                scene.strokes.append(Stroke(ends, 0.16, sign.scaled(0.3, 1.0)))


def _fissure(scene: Scene, sign: Sign, rng: Generator) -> None:
    """The minor fissure: one hairline, level, on the right."""
    start, y = rng.uniform(4.5, 6), rng.uniform(-1.5, 1.5)
    x = np.linspace(start, 0.92 * scene.chest.half_width, 8)
    bow = y + 0.04 * np.square(x - 8) + rng.uniform(-0.06, 0.12) * (x - 8)
    scene.strokes.append(Stroke(np.stack([-x, bow], 1), 0.09, sign.scaled(0.4, 0.9)))


def _leads(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Electrodes and their wires."""
    for _ in range(rng.integers(2, 5)):
        x, y = rng.uniform(-11, 11), rng.uniform(-11, 8)
        _add_disc(scene, x, y, rng.uniform(0.45, 0.6), sign.scaled(1.5, 3))
        _add_disc(scene, x, y, 0.2, 3)
        path = np.linspace(0, 1, 12)
        end = (rng.uniform(-18, 18), rng.choice((-19.0, 19.0)))
        sway = rng.uniform(-3, 3) * np.sin(np.pi * path) + rng.normal(0, 1) * np.sin(5 * path)
        points = np.stack([x + (end[0] - x) * path + sway, y + (end[1] - y) * path], 1)
        scene.strokes.append(Stroke(points, 0.13, 2.2))


def _tube(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A central line from one clavicle, or a feeding tube down the middle."""
    if rng.random() < 0.5:
        y = np.linspace(-19, scene.chest.domes[1] + 3, 24)
        x = 0.4 + 0.3 * np.sin(y / 3) + np.clip(y - 5, 0, None) * 0.5
        scene.strokes.append(Stroke(np.stack([x, y], 1), 0.3, 1.3))
        return
    turn = np.linspace(0, 1, 20)
    x = sign.side * 9 * (1 - turn) ** 2 - 1.9 * turn
    y = -11.5 - 1.8 * np.sin(np.pi * turn) + np.square(turn) * rng.uniform(8, 12)
    scene.strokes.append(Stroke(np.stack([x, y], 1), 0.2, 1.6))


def _pacemaker(scene: Scene, sign: Sign, rng: Generator) -> None:
    x, y = rng.uniform(8, 10), rng.uniform(-9.5, -8)
    angle = np.linspace(0, 2 * np.pi, 24)
    ring = np.stack([x + 1.2 * np.cos(angle), y + 1.1 * np.sin(angle)], 1)
    scene.strokes.append(Stroke(ring, 1.2, sign.scaled(2.4, 2.95)))
    path = np.linspace(0, 1, 20)
    lead = np.stack([
        x - (x - 1) * np.sin(path * math.pi / 2) * 1.15, y - 1 + 15 * path**2
    ], 1)  # fmt: skip
    scene.strokes.append(Stroke(lead, 0.2, 2.6))


def _marker(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A lead letter L near a corner."""
    x, y = sign.side * rng.uniform(15, 17), rng.uniform(-17, -13)
    letter = np.array([[0, 0], [0, 1.5], [1, 1.5]]) * rng.uniform(0.8, 1.3)
    scene.strokes.append(Stroke(letter + np.array([x, y]), 0.35, 3.0))


_DRAWERS: dict[str, Drawer] = {
    "nipples": _nipples,
    "dots": _dots,
    "breasts": _breasts,
    "skin_fold": _skin_fold,
    "fat_pad": _fat_pad,
    "cartilage": _cartilage,
    "fissure": _fissure,
    "leads": _leads,
    "tube": _tube,
    "pacemaker": _pacemaker,
    "marker": _marker,
}
