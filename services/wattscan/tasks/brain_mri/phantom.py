"""A seeded phantom of axial brain MR: T1, FLAIR and T1 with contrast agent, with a glioma in each.

A phantom proves the pipeline and compares FP32 with INT8; it says nothing about patients. The
intensities follow what textbooks of neuroradiology describe: on T1 white matter is brighter than
grey and fluid is dark; on FLAIR grey matter is the brighter one, fluid is nulled, and a glioma is
bright; contrast agent brightens vessels, dura and choroid plexus, and few low-grade gliomas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.contracts import Samples
from wattscan.tasks.brain_mri.acquisition import acquire
from wattscan.tasks.brain_mri.anatomy import Tissue, tissue
from wattscan.tasks.brain_mri.fields import Plane, smooth_noise, soft_step
from wattscan.tasks.brain_mri.head import draw_head, outline_depth
from wattscan.tasks.brain_mri.lesions import (
    ENHANCING_FRACTION,
    cavity,
    displace,
    draw_lesions,
    hyperintensities,
    membership,
)

SIZE = (256, 256)
"""Height and width of a slice, in pixels: those of the public data set."""
MIN_LESION_PIXELS = 120
"""A slice whose mask came out smaller, clipped by a ventricle or the skull, is drawn anew."""
JITTER = 0.05
"""Relative standard deviation of each tissue's intensity, from slice to slice and channel."""
RESIDUAL_FLUID_FRACTION = 0.3
"""How many slices have fluid that FLAIR failed to null: bright spots in sulci and ventricles."""
TEXTURE = 0.02
"""Standard deviation of the unevenness within the brain. More is harder."""

INTENSITY = {
    "scalp": (0.80, 0.55, 0.82),
    "skull": (0.08, 0.07, 0.09),
    "marrow": (0.42, 0.28, 0.46),
    "fluid": (0.17, 0.09, 0.18),
    "cortex": (0.46, 0.51, 0.49),
    "nuclei": (0.50, 0.49, 0.53),
    "white": (0.64, 0.41, 0.67),
}
"""T1, FLAIR, T1 with contrast agent."""


@dataclass(frozen=True)
class _Scene:
    within: Tissue
    share: Plane
    """A pixel's share of lesion."""
    signal: Plane
    """That share's part in the signal."""
    contrast: float


def samples(count: int, seed: int, first: int = 0) -> Samples:
    """Slices 0 to `count` - 1 of the set `seed`; a longer set begins with the shorter one.

    Returns:
        images uint8 (count, 256, 256, 3), the channels T1, FLAIR and T1 with contrast agent, and
        truth uint8 0 or 1 (count, 256, 256), 1 where at least half of a pixel is lesion.
    """
    images = np.empty((count, *SIZE, 3), np.uint8)
    truth = np.empty((count, *SIZE), np.uint8)
    for index in range(count):
        images[index], truth[index] = frame(seed, first + index)
    return Samples(images, truth)


def frame(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A slice, uint8 (256, 256, 3), and its mask, (256, 256): a function of (seed, index) alone."""
    rng = np.random.default_rng([seed, index])
    while True:
        scene = _draw(rng)
        hollow, rim = cavity(scene.within, rng)
        mask = (scene.share * (1 - hollow) >= 0.5).astype(np.uint8)
        if mask.sum() >= MIN_LESION_PIXELS:
            break
    signal = _intensities(scene, rng)
    _hollow_out(signal, hollow, rim, rng)
    return acquire(signal, rng), mask


def _draw(rng: Generator) -> _Scene:
    """A head in some pose, and the lesions in it."""
    head = draw_head(rng)
    x, y = _pose(rng)
    depth = outline_depth(head, x, y, rng)
    lesions = draw_lesions(head, rng)
    within = tissue(head, depth, *displace(lesions[0], x, y, rng), rng)
    share, signal = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    for lesion in lesions:
        part = membership(lesion, x, y, within, rng)
        np.maximum(share, part, out=share)
        np.maximum(signal, np.power(part, np.float32(lesion.edge_bias)), out=signal)
    return _Scene(within, share, signal, lesions[0].contrast)


def _pose(rng: Generator) -> tuple[Plane, Plane]:
    """The head's coordinates of each pixel: shifted, turned and scaled."""
    turn, scale = rng.normal(0, 0.07), rng.uniform(0.92, 1.1)
    row, column = rng.normal(SIZE[0] / 2, 3), rng.normal(SIZE[1] / 2, 3)
    down = (np.arange(SIZE[0], dtype=np.float32)[:, np.newaxis] - np.float32(row)) / scale
    right = (np.arange(SIZE[1], dtype=np.float32) - np.float32(column)) / scale
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x, y = right * cosine + down * sine, down * cosine - right * sine
    return x.astype(np.float32), y.astype(np.float32)


def _intensities(scene: _Scene, rng: Generator) -> Plane:
    """Noise-free intensities of the three channels, float32 (3, 256, 256)."""
    within = scene.within
    signal = np.zeros((3, *SIZE), np.float32)
    level = {name: np.array(of) * rng.normal(1, JITTER, 3) for name, of in INTENSITY.items()}
    for name, of in level.items():
        fraction = getattr(within, name)
        for channel in range(3):
            signal[channel] += fraction * np.float32(of[channel])
    for channel in range(3):
        uneven = smooth_noise(SIZE, 7, rng) + smooth_noise(SIZE, 30, rng)
        signal[channel] += np.float32(TEXTURE * 0.7) * uneven * within.brain
    flair = signal[1]
    flair += hyperintensities(within, rng) * (1 - scene.signal)
    _add_lesion(signal, scene, level["white"], rng)
    if rng.random() < RESIDUAL_FLUID_FRACTION:
        where = soft_step(smooth_noise(SIZE, 26, rng) - np.float32(0.8), 0.3)
        flair += np.float32(rng.uniform(0.15, 0.5)) * where * within.fluid
    _add_contrast_agent(signal, scene, rng)
    return np.maximum(signal, 0)


def _add_lesion(signal: Plane, scene: _Scene, white: NDArray[np.float64], rng: Generator) -> None:
    """Replace tissue by lesion; fluid of the sulci inside stays visible in part."""
    share = scene.signal * (1 - np.float32(0.6) * scene.within.fluid)
    uneven = 1 + np.float32(0.16) * smooth_noise(SIZE, 12, rng)
    # What is faint on FLAIR is faint on T1 too, or T1 would give it away.
    darker = scene.contrast * rng.uniform(0.3, 0.9)
    for channel, change in enumerate((-darker, scene.contrast, -darker)):
        inside = np.float32(white[channel]) + np.float32(change) * uneven
        signal[channel] += share * (inside - signal[channel])


def _add_contrast_agent(signal: Plane, scene: _Scene, rng: Generator) -> None:
    """Vessels, dura and plexus in the third channel; flow voids in the others; some lesions."""
    within = scene.within
    void = 1 - np.float32(0.6) * within.vessel
    signal[0] *= void
    signal[1] *= void
    signal[1] += np.float32(0.12) * within.choroid
    agent = signal[2]
    uptake = np.maximum(np.maximum(within.vessel, within.choroid), np.float32(0.7) * within.dura)
    agent += np.float32(rng.uniform(0.6, 1.0)) * uptake * (np.float32(1.3) - agent)
    if rng.random() < ENHANCING_FRACTION:
        ring = 4 * scene.share * (1 - scene.share) if rng.random() < 0.5 else scene.share**2
        patchy = np.clip(smooth_noise(SIZE, 14, rng) + np.float32(0.3), 0, 1.5)
        agent += np.float32(rng.uniform(0.08, 0.3)) * ring * patchy


def _hollow_out(signal: Plane, hollow: Plane, rim: Plane, rng: Generator) -> None:
    """A cavity holds fluid; its rim is bright on FLAIR."""
    fluid = np.array(INTENSITY["fluid"], np.float32)[:, np.newaxis, np.newaxis]
    signal += hollow * (fluid - signal)
    signal[1] += np.float32(rng.uniform(0.05, 0.25)) * rim
