"""From tissue intensities to a slice as displayed: shading, motion, resolution, noise, window.

Sources, in words: a receive coil's sensitivity multiplies the image by a smooth bias field; a
pixel averages what its point spread function covers (partial volume); motion during the phase
encoding repeats the image at a distance along it (ghosting), pulsing vessels likewise; the
magnitude of a complex signal under Gaussian noise is Rician distributed (Gudbjartsson and Patz
1995): the square root of the sum of the squares of its two noised parts.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.tasks.brain_mri.fields import Plane, gaussian_blur, smooth_noise

BIAS = (0.05, 0.2)
"""Standard deviation of the logarithm of the shading. More is harder."""
NOISE = (0.012, 0.035)
"""Standard deviation of each noised part; white matter has 0.4 to 0.7. More is harder."""
RESOLUTION = (0.45, 0.85)
"""Standard deviation of the point spread function, in pixels."""
GHOST_FRACTION = 0.25
GHOST = (0.02, 0.07)
"""Relative strength of a ghost."""
WHITE = (1.0, 0.85, 1.08)
"""Intensity shown as 255, of T1, FLAIR and T1 with contrast agent."""
WHITE_JITTER = 0.13


def acquire(signal: Plane, rng: Generator) -> NDArray[np.uint8]:
    """Noise-free intensities, float32 (channels, height, width), to a slice as displayed.

    Returns:
        uint8 (height, width, channels).
    """
    spread = rng.uniform(*RESOLUTION)
    seen = np.empty_like(signal)
    for channel, plane in enumerate(signal):
        seen[channel] = gaussian_blur(plane, spread) * _shading(plane.shape, rng)
        if rng.random() < GHOST_FRACTION:
            _add_ghost(seen[channel], rng)
    noise = np.float32(rng.uniform(*NOISE)) * rng.standard_normal((2, *seen.shape), np.float32)
    magnitude = np.hypot(seen + noise[0], noise[1])
    white = np.array(WHITE) * rng.uniform(1 - WHITE_JITTER, 1 + WHITE_JITTER, 3)
    gray = magnitude * (255 / white).astype(np.float32)[:, np.newaxis, np.newaxis]
    shown = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(shown.transpose(1, 2, 0))


def _shading(size: tuple[int, ...], rng: Generator) -> Plane:
    """A bias field of mean about 1: slow noise over a ramp."""
    slow = smooth_noise((size[0], size[1]), 110, rng)
    rows = np.linspace(-1, 1, size[0], dtype=np.float32)[:, np.newaxis]
    columns = np.linspace(-1, 1, size[1], dtype=np.float32)
    slant = rng.uniform(0, 2 * np.pi)
    ramp = np.float32(np.sin(slant)) * rows + np.float32(np.cos(slant)) * columns
    field: Plane = np.exp(np.float32(rng.uniform(*BIAS)) * (np.float32(0.6) * slow + ramp))
    return field


def _add_ghost(channel: Plane, rng: Generator) -> None:
    """A faint copy, shifted along the columns, of alternating sign in the complex signal."""
    shift = int(rng.integers(14, 90)) * (1 if rng.random() < 0.5 else -1)
    strength = np.float32(rng.uniform(*GHOST) * rng.choice([-1.0, 1.0]))
    np.abs(channel + strength * np.roll(channel, shift, axis=0), out=channel)
