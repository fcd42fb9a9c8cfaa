"""Opacities within the lung: collapse, infiltrate, pneumonia, consolidation, oedema."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from wattscan.tasks.chest_xray.anatomy import Scene, Stroke
from wattscan.tasks.chest_xray.geometry import HILUM, ramp, smooth_noise
from wattscan.tasks.chest_xray.placing import Sign, outline, place, zones


def add_atelectasis(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Plates: nearly level bands above a raised diaphragm, and crowded lung at the base."""
    dome = scene.chest.domes[0 if sign.side < 0 else 1]
    for _ in range(rng.integers(2, 5)):
        length, width = rng.uniform(3.0, 7.5), rng.uniform(0.3, 0.9)
        x = sign.side * rng.uniform(4.5, 9.5)
        y, tilt = dome - rng.uniform(0.8, 6.5), rng.normal(0, 0.25)
        along = np.linspace(-0.5, 0.5, 7)
        bow = rng.uniform(-0.3, 0.3) * np.square(along)
        points = np.stack([x + length * along, y + length * (math.sin(tilt) * along + bow)], 1)
        scene.strokes.append(Stroke(points, width, sign.scaled(0.6, 2.9)))
    base = ramp(scene.grid.y - np.float32(dome - 3), 5) * ramp(scene.grid.x * sign.side - 2, 1)
    scene.fill(np.float32(sign.scaled(0.06, 0.22)) * base)


def add_infiltration(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Several ill-defined, mottled patches in one lung or both."""
    mottle = np.clip(0.5 + 0.55 * smooth_noise(44, rng), 0, 1.3)
    haze = np.zeros_like(scene.lung)
    for number in range(rng.integers(3, 6)):
        side = sign.side if number < 2 else int(rng.choice((-1, 1)))
        rows = zones(scene)[rng.integers(0, 3)]
        centre = place(scene, side, rows, 6, rng)
        radius = outline(scene, centre, (rng.uniform(1.8, 3.4), rng.uniform(1.8, 3.4)), 0.2, rng)
        haze = np.maximum(haze, np.exp(-np.square(np.maximum(radius, 0))))
    scene.fill(np.float32(sign.scaled(0.12, 0.6)) * haze * mottle)


def add_pneumonia(scene: Scene, sign: Sign, rng: Generator) -> None:
    """One segment or lobe, fuzzy at its border, with bronchi that stay full of air."""
    rows = zones(scene)[rng.choice(3, p=(0.2, 0.35, 0.45))]
    centre = place(scene, sign.side, rows, 6, rng)
    radii = (rng.uniform(2.8, 4.6), rng.uniform(2.6, 4.4))
    radius = outline(scene, centre, radii, 0.14, rng)
    patch = ramp(1 - radius, 0.9) * (1 + 0.12 * smooth_noise(30, rng))
    depth = sign.scaled(0.16, 0.68)
    scene.fill(np.float32(depth) * patch)
    x_hilum, y_hilum = sign.side * HILUM[0], HILUM[1]
    heading = math.atan2(centre[1] - y_hilum, centre[0] - x_hilum)
    for _ in range(rng.integers(4, 8)):
        angle = heading + rng.normal(0, 0.5)
        x, y = centre[0] + rng.normal(0, 0.9), centre[1] + rng.normal(0, 0.9)
        reach = rng.uniform(0.8, 2.2)
        step = np.linspace(-1, 1, 5)
        points = np.stack([
            x + reach * step * math.cos(angle), y + reach * step * math.sin(angle)
            + 0.3 * np.square(step),
        ], 1)  # fmt: skip
        scene.hollows.append(Stroke(points, rng.uniform(0.2, 0.38), 2.4 * depth))


def add_consolidation(scene: Scene, sign: Sign, rng: Generator) -> None:
    """A dense, even lobe that ends sharply at a fissure above or below."""
    upper = rng.random() < 0.5
    low, high = zones(scene)[1 if upper else 2][0], zones(scene)[2][1]
    fissure = rng.uniform(low - 0.5, low + 1.5) if upper else rng.uniform(low - 2, high - 3.0)
    slope, x = rng.uniform(-0.25, 0.25), sign.side * scene.grid.x
    edge = scene.grid.y - np.float32(fissure) - np.float32(slope) * (x - 7)
    edge += np.float32(0.12) * smooth_noise(12, rng)
    lobe = ramp(-edge if upper else edge, 0.3)
    extent = rng.uniform(4.5, 7.0)
    centre = (sign.side * rng.uniform(6, 9), fissure + (-1 if upper else 1) * 0.45 * extent)
    radius = outline(scene, centre, (extent, extent), 0.06, rng)
    lobe *= ramp(1 - radius, 0.3)
    scene.fill(np.float32(sign.scaled(0.22, 0.95)) * lobe)


def add_edema(scene: Scene, sign: Sign, rng: Generator) -> None:
    """Bat wings: haze about both hila that spares the periphery, and Kerley's lines."""
    grid, chest = scene.grid, scene.chest
    wings = np.zeros_like(scene.lung)
    for side in (-1, 1):
        out = (grid.x * side - 5.4) / np.float32(rng.uniform(2.4, 3.2))
        down = (grid.y - np.float32(rng.normal(-0.4, 0.6))) / np.float32(rng.uniform(4.2, 5.6))
        wings += np.exp(-np.square(out) - np.square(down))
    wings *= 0.9 + 0.22 * smooth_noise(22, rng)
    scene.fill(np.float32(sign.scaled(0.06, 0.46)) * wings)
    for side in (-1, 1):
        for _ in range(rng.integers(5, 9)):
            y = min(chest.domes) - rng.uniform(-1.5, 5)
            wall, length = float(chest.wall(np.array([y]))[0]) - 0.2, rng.uniform(1.0, 2.0)
            ends = side * np.array([wall, wall - length])
            points = np.stack([ends, np.array([y, y + rng.normal(0, 0.12)])], 1)
            scene.strokes.append(Stroke(points, 0.1, sign.scaled(0.2, 1.3)))
