"""The parts of a brain: where each lies in the head's frame (see `head`).

Shapes follow what atlases of sectional anatomy show: sulci that run inward from the surface; at the
level of the basal ganglia frontal horns, trigones, a slit of a third ventricle, caudate, putamen,
pallidum and thalamus; above it the bodies of the lateral ventricles; above those white matter alone
(centrum semiovale), parted by the falx. Most parts take |x|, which draws both sides at once.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from wattscan.tasks.brain_mri.fields import (
    Plane,
    ellipse,
    ring_noise,
    smooth_noise,
    soft_step,
    stroke,
)
from wattscan.tasks.brain_mri.head import BASAL, BODY, Head

_NONE = np.float32(-99.0)
"""The signed distance to what this level does not cut."""


def ventricles(head: Head, x: Plane, y: Plane) -> Plane:
    """Signed distance to the ventricles; both sides at once, since |x| mirrors them."""
    side = np.abs(x)
    scale = np.float32(head.ventricle) * (1 + np.float32(head.asymmetry) * np.sign(x))
    widen = (scale - 1) * np.float32(4)
    if head.level < BASAL:
        horn = stroke(side, y, [(4, -20, 3.0), (8, -29, 4.0), (15, -38, 2.5)])
        trigone = stroke(side, y, [(17, 25, 2.0), (24, 34, 4.5), (23, 46, 4.0), (17, 58, 1.5)])
        slit = stroke(x, y, [(0, -10, 1.2), (0, 14, 1.8)])
        narrow = slit + widen * np.float32(0.3)
        basal: Plane = np.maximum(np.maximum(horn, trigone) + widen, narrow)
        return basal
    if head.level < BODY:
        high = (head.level - BASAL) / (BODY - BASAL)
        reach = 1 - 0.4 * high
        knots = [(9, -36 * reach, 2.0), (8, -18 * reach, 4.5 - high), (11, 6 * reach, 4.5 - high)]
        knots += [(18, 30 * reach, 5.0 - 2 * high), (20, 44 * reach, 1.5)]
        return stroke(side, y, knots) + widen * np.float32(1 - 0.4 * high)
    return np.full(x.shape, _NONE, np.float32)


def folds(head: Head, depth: Plane, x: Plane, y: Plane, rng: Generator) -> Plane:
    """Distance to the middle of the nearest sulcus or fissure."""
    angle = np.arctan2(y, x)
    # More values around the circle than over the depth: sulci run inward from the surface.
    around = int(rng.integers(50, 66))
    height = ring_noise(angle, depth / np.float32(42), (5, around), rng)
    height = height + np.float32(0.35) * smooth_noise(_size(x), 11, rng)
    slope = np.hypot(*np.gradient(height))
    # First order: a level set is as far as the height over the slope.
    sulcus = np.abs(height) / (slope + np.float32(0.02))
    bottom = 21 + np.float32(7) * ring_noise(angle, np.zeros_like(angle), (2, 30), rng)
    sulcus = np.hypot(sulcus, np.maximum(depth - np.maximum(bottom, 4), 0))
    fold: Plane = np.minimum(sulcus, fissure(head, x, y))
    if head.level < BASAL:
        open_ = rng.uniform(0, 1.6)
        lateral = [(80, -8, 1.0), (52, -6, open_), (42, -2, open_)]
        insula = [(38, -20, 0.0), (42, -4, open_), (40, 16, 0.0)]
        for knots in (lateral, insula):
            fold = np.minimum(fold, np.maximum(-stroke(np.abs(x), y, knots), 0))
    return fold


def fissure(head: Head, x: Plane, y: Plane) -> Plane:
    """Distance to the gap between the hemispheres, which the callosum bridges low down."""
    bridge = 0.0 if head.level > BODY else 44 - 14 * max(0.0, head.level - BASAL) / 0.3
    inward = np.maximum(np.float32(bridge) - np.abs(y), 0)
    distance: Plane = np.hypot(x, inward)
    return distance


def nuclei(head: Head, x: Plane, y: Plane) -> Plane:
    """Deep grey matter: full for caudate and putamen, less for the myelin-rich others."""
    side = np.abs(x)
    if head.level >= BODY:
        return np.zeros_like(x)
    if head.level >= BASAL:
        return soft_step(stroke(side, y, [(17, -20, 3.0), (21, 8, 1.5)]), 0.8)
    striatum = np.maximum(
        stroke(side, y, [(13, -24, 4.5), (16, -14, 2.5)]),
        stroke(side, y, [(27, -20, 3.5), (31, -5, 5.0), (29, 9, 2.0)]),
    )
    pallidum = soft_step(ellipse(side, y, (22, -3), (3.5, 9)), 0.8) * np.float32(0.55)
    thalamus = soft_step(ellipse(side, y, (11, 12), (8.5, 13)), 0.9) * np.float32(0.75)
    grey: Plane = np.maximum(np.maximum(soft_step(striatum, 0.8), pallidum), thalamus)
    return grey


def dura(head: Head, outer: Plane, x: Plane, y: Plane) -> Plane:
    """The dura below the skull, and the falx."""
    shell = np.exp(-((outer / np.float32(1.1)) ** 2))
    falx = np.exp(-((fissure(head, x, y) / np.float32(0.8)) ** 2)) * soft_step(outer - 2)
    folded: Plane = np.maximum(np.float32(0.6) * shell, np.float32(0.7) * falx)
    return folded


def vessels(fold: Plane, depth: Plane, rng: Generator) -> Plane:
    """Short runs of vessels in the sulci."""
    runs = soft_step(smooth_noise(_size(fold), 7, rng) - np.float32(1.05), 0.12)
    along: Plane = np.exp(-((fold / np.float32(1.2)) ** 2)) * runs * soft_step(depth + 1)
    return along


def sinus(head: Head, x: Plane, y: Plane, rng: Generator) -> Plane:
    """The sagittal sinus, cut twice: at the very front and, wider, at the back."""
    blood = np.zeros_like(x)
    for end in (-1, 1):
        size = rng.uniform(1.8, 4.0) if end > 0 else rng.uniform(0.8, 2.0)
        centre = (0.0, end * head.half_length)
        np.maximum(blood, soft_step(ellipse(x, y, centre, (size, 1.3 * size)), 0.6), out=blood)
    return blood


def choroid(head: Head, x: Plane, y: Plane) -> Plane:
    """The plexus in the trigones, or along the bodies."""
    if head.level < BASAL:
        return soft_step(ellipse(np.abs(x), y, (23, 38), (2.2, 5)), 0.8)
    if head.level < BODY:
        return soft_step(stroke(np.abs(x), y, [(12, 6, 0.8), (17, 26, 1.8)]), 0.8)
    return np.zeros_like(x)


def _size(plane: Plane) -> tuple[int, int]:
    return plane.shape[0], plane.shape[1]
