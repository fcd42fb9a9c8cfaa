"""Gliomas and what looks like one: how much of a pixel each takes, and how bright it is on FLAIR.

A low-grade glioma is a smooth, irregular area, bright on FLAIR and mildly dark on T1, that
infiltrates along the white matter without a sharp edge and mostly takes up no contrast agent.
Caps and patches of the white matter (leukoaraiosis) are as bright but small, or hug the ventricles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.tasks.brain_mri.anatomy import Tissue
from wattscan.tasks.brain_mri.fields import Plane, smooth_noise, soft_step
from wattscan.tasks.brain_mri.head import Head

RADIUS = (9.0, 38.0)
"""Pixels; drawn evenly in the logarithm. Smaller is harder."""
CONTRAST = (0.11, 0.42)
"""Brightness over white matter on FLAIR; cortex has about 0.1. Lower is harder."""
SMALL_CONTRAST = 0.18
"""The faintest of the smallest lesions: a small one at `CONTRAST`'s lower end nobody would find.
Lower is harder."""
CONTRAST_SKEW = 1.3
"""Over 1, faint lesions are the more frequent ones."""
EDGE = (0.7, 3.0)
"""Width of the infiltrating edge in pixels. Wider is harder, since with `EDGE_BIAS`."""
EDGE_BIAS = (0.6, 1.7)
"""Exponent from a pixel's share of lesion to its share of the signal. A wider range is harder: the
edge that is seen lies further from the edge that is true."""
SATELLITE_FRACTION = 0.2
MASS_EFFECT = (0.0, 0.3)
"""Relative growth at the lesion's centre, paid for by what lies around it."""
ENHANCING_FRACTION = 0.25
PATCHES = 4
"""At most so many white-matter hyperintensities. More is harder."""
PATCH_RADIUS = (1.5, 5.0)
"""Pixels. Nearer to `RADIUS` is harder."""
CAP_FRACTION = 0.55
CORTEX_FRACTION = 0.35
CAVITY_FRACTION = 0.15


@dataclass(frozen=True)
class Lesion:
    """One lesion, in the head's frame; lengths in pixels."""

    x: float
    y: float
    radius: float
    flatness: float
    tilt: float
    wobble: tuple[tuple[int, float, float], ...]
    """(order, relative amplitude, phase) of each cosine in the radius."""
    edge: float
    edge_bias: float
    contrast: float
    """Over white matter on FLAIR; a satellite takes the main lesion's."""


def draw_lesions(head: Head, rng: Generator) -> list[Lesion]:
    """The main lesion first, then perhaps a satellite beside it."""
    size = float(np.exp(rng.uniform(*np.log(RADIUS))))
    angle, ratio = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.8)
    main = _lesion(
        ratio * head.half_width * np.cos(angle), ratio * head.half_length * np.sin(angle), size, rng
    )
    lesions = [main]
    if rng.random() < SATELLITE_FRACTION:
        small = rng.uniform(4, 4 + 0.35 * size)
        away, angle = size + small + rng.uniform(2, 10), rng.uniform(0, 2 * np.pi)
        lesions.append(
            _lesion(main.x + away * np.cos(angle), main.y + away * np.sin(angle), small, rng)
        )
    return lesions


def displace(lesion: Lesion, x: Plane, y: Plane, rng: Generator) -> tuple[Plane, Plane]:
    """Where the tissue of each pixel lay before the lesion grew: its mass effect."""
    from_x, from_y = x - np.float32(lesion.x), y - np.float32(lesion.y)
    reach = np.float32(1.7 * lesion.radius)
    pull = np.exp(-(from_x * from_x + from_y * from_y) / reach**2)
    pull *= np.float32(rng.uniform(*MASS_EFFECT))
    return x - from_x * pull, y - from_y * pull


def membership(lesion: Lesion, x: Plane, y: Plane, within: Tissue, rng: Generator) -> Plane:
    """A pixel's share of lesion, 0 to 1; none in ventricles and outside the brain."""
    from_x, from_y = x - np.float32(lesion.x), y - np.float32(lesion.y)
    cosine, sine = np.float32(np.cos(lesion.tilt)), np.float32(np.sin(lesion.tilt))
    along = from_x * cosine + from_y * sine
    across = (from_y * cosine - from_x * sine) / np.float32(lesion.flatness)
    angle = np.arctan2(across, along)
    outline = np.full(x.shape, lesion.radius, np.float32)
    for order, amplitude, phase in lesion.wobble:
        outline += np.float32(lesion.radius * amplitude) * np.cos(order * angle + np.float32(phase))
    inside = outline - np.hypot(along, across)
    inside += np.float32(0.09 * lesion.radius) * smooth_noise(x.shape, 14, rng)
    # It spreads along fibres more readily than through cortex.
    inside += np.float32(min(2.5, 0.1 * lesion.radius)) * (within.white - within.cortex)
    share: Plane = soft_step(inside, lesion.edge) * within.brain * (1 - within.ventricle)
    return share


def hyperintensities(within: Tissue, rng: Generator) -> Plane:
    """Look-alikes on FLAIR: added brightness of caps, patches and bright cortex."""
    added = np.zeros_like(within.brain)
    if rng.random() < CAP_FRACTION:
        reach = rng.uniform(1.5, 5)
        uneven = np.clip(smooth_noise(added.shape, 24, rng) + np.float32(0.4), 0, 1.5)
        cap = np.exp(-((np.minimum(within.ventricle_distance, 0) / np.float32(reach)) ** 2))
        added += np.float32(rng.uniform(0.08, 0.3)) * cap * uneven * (1 - within.ventricle)
    added += _patches(within, rng)
    if rng.random() < CORTEX_FRACTION:
        where = soft_step(smooth_noise(added.shape, 60, rng) - np.float32(0.9), 0.2)
        added += np.float32(rng.uniform(0.06, 0.22)) * where * within.cortex
    return added


def cavity(within: Tissue, rng: Generator) -> tuple[Plane, Plane]:
    """A resection cavity or an old lacune, and its thin gliotic rim; mostly there is none."""
    if rng.random() >= CAVITY_FRACTION:
        nothing = np.zeros_like(within.brain)
        return nothing, nothing
    row, column = _place(within.depth > 6, rng)
    distance = _blob(within.brain.shape, (row, column), rng.uniform(4, 13), rng)
    hollow = soft_step(distance, 0.7) * within.brain
    rim = np.exp(-(((distance + np.float32(1.5)) / np.float32(1.6)) ** 2)) * within.brain
    return hollow, rim * (1 - hollow)


def _lesion(x: float, y: float, radius: float, rng: Generator) -> Lesion:
    smallness = np.clip(np.log(RADIUS[1] / radius) / np.log(RADIUS[1] / RADIUS[0]), 0, 1)
    faintest = CONTRAST[0] + float(smallness) * (SMALL_CONTRAST - CONTRAST[0])
    return Lesion(
        x=x,
        y=y,
        radius=radius,
        flatness=rng.uniform(0.6, 1.0),
        tilt=rng.uniform(0, np.pi),
        wobble=tuple(
            (order, rng.uniform(0, 0.28) / order, rng.uniform(0, 2 * np.pi))
            for order in range(2, 7)
        ),
        # A small lesion has no room for a wide edge.
        edge=min(rng.uniform(*EDGE), 0.14 * radius),
        edge_bias=float(np.exp(rng.uniform(*np.log(EDGE_BIAS)))),
        contrast=faintest + (CONTRAST[1] - faintest) * rng.random() ** CONTRAST_SKEW,
    )


def _patches(within: Tissue, rng: Generator) -> Plane:
    added = np.zeros_like(within.brain)
    white = (within.white > 0.7) & (within.depth > 6)
    for _ in range(rng.integers(0, PATCHES + 1)):
        if not white.any():
            break
        radius = rng.uniform(*PATCH_RADIUS)
        distance = _blob(added.shape, _place(white, rng), radius, rng)
        spot = soft_step(distance, min(1.2, 0.3 * radius)) * within.white
        np.maximum(added, np.float32(rng.uniform(0.08, 0.35)) * spot, out=added)
    return added


def _place(where: NDArray[np.bool_], rng: Generator) -> tuple[int, int]:
    """The row and column of one of the pixels that are true."""
    rows, columns = np.nonzero(where)
    chosen = rng.integers(rows.size)
    return int(rows[chosen]), int(columns[chosen])


def _blob(shape: tuple[int, ...], centre: tuple[int, int], radius: float, rng: Generator) -> Plane:
    """About the signed distance to a tilted oval of the mean half-axis `radius`."""
    down = np.arange(shape[0], dtype=np.float32)[:, np.newaxis] - centre[0]
    right = np.arange(shape[1], dtype=np.float32) - centre[1]
    tilt, stretch = rng.uniform(0, np.pi), np.float32(np.sqrt(rng.uniform(1, 2)))
    cosine, sine = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    along, across = right * cosine + down * sine, down * cosine - right * sine
    bumps = np.float32(0.12 * radius) * smooth_noise((shape[0], shape[1]), 9, rng)
    distance: Plane = np.float32(radius) - np.hypot(along / stretch, across * stretch) + bumps
    return distance
