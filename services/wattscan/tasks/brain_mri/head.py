"""A person's head, the level at which it is cut, and the outline of the brain there.

The head's frame has its origin in the middle of the brain; x runs to the right and y to the back,
in pixels of about 0.9 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wattscan.tasks.brain_mri.fields import Plane

BASAL, BODY = 0.45, 0.75
"""Levels up to which the basal ganglia, and the ventricles' bodies, are cut."""
_HALF_WIDTH, _HALF_LENGTH = 72.0, 89.0


@dataclass(frozen=True)
class Head:
    """One person and the place of the cut."""

    level: float
    """0 at the basal ganglia, 1 near the vertex."""
    half_width: float
    half_length: float
    ventricle: float
    """Size of the ventricles; 1 is average."""
    asymmetry: float
    """By how much the right ventricle is the wider one, as a fraction."""
    atrophy: float
    """Half the width of a sulcus, in pixels."""
    ribbon: float
    """Thickness of the cortex, in pixels."""
    skull: float
    scalp: float


def draw_head(rng: Generator) -> Head:
    """A head of random size, level and age."""
    level = rng.uniform(0, 1)
    smaller = 1 - 0.24 * max(0.0, level - 0.45)
    return Head(
        level=level,
        half_width=_HALF_WIDTH * smaller * rng.uniform(0.93, 1.07),
        half_length=_HALF_LENGTH * smaller * rng.uniform(0.95, 1.05),
        ventricle=float(np.exp(rng.normal(0, 0.3))),
        asymmetry=rng.uniform(-0.3, 0.3),
        atrophy=rng.uniform(0.1, 1.1),
        ribbon=rng.uniform(2.6, 3.6),
        skull=rng.uniform(5, 8),
        scalp=rng.uniform(4, 8),
    )


def outline_depth(head: Head, x: Plane, y: Plane, rng: Generator) -> Plane:
    """Distance along the radius to the brain's outline, a wobbling superellipse."""
    angle = np.arctan2(y, x)
    wobble = np.ones_like(x)
    for order in range(2, 6):
        size, phase = rng.uniform(0, 0.035) / order, rng.uniform(0, 2 * np.pi)
        wobble += np.float32(size) * np.cos(order * angle + np.float32(phase))
    # A forehead is narrower than the back of a head.
    taper = 1 + np.float32(0.0011) * np.minimum(y, 0)
    power = np.float32(2.25)
    across = np.power(np.abs(x) / (np.float32(head.half_width) * taper), power)
    down = np.power(np.abs(y) / np.float32(head.half_length), power)
    ratio = np.power(across + down, 1 / power) / wobble + np.float32(1e-3)
    depth: Plane = np.hypot(x, y) * (1 / ratio - 1)
    return depth
