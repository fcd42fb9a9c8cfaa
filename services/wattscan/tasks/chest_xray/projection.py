"""From thickness to a displayed radiograph.

Sources, in words: a ray is weakened exponentially by what it passes (Beer and Lambert); scattered
photons add a smooth haze of about the size of the primary beam behind a chest (the scatter to
primary ratio); photons are counted, so noise grows as the root of their number; a digital system
takes the logarithm, finds the exposed range by its histogram and shows it through a sigmoid, with
some unsharp masking, bright being dense.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wattscan.tasks.chest_xray.anatomy import Stroke
from wattscan.tasks.chest_xray.geometry import SIZE, Grid, Plane

ATTENUATION = 0.17
"""Of water at chest energies, per cm, of a filtered spectrum."""
SCATTER_TO_PRIMARY = (0.35, 0.8)
PHOTONS = (2.5e4, 9e4)
"""Detected per pixel in the open beam."""
BLUR = (0.12, 0.27)
"""The detector's: the weight of each neighbour in a 3-tap kernel."""
_INK_CM = 3.0
"""What full ink stands for, cm of water."""


def ink(grid: Grid, strokes: list[Stroke]) -> Plane:
    """Strokes as cm of water, float32 (512, 512).

    Where strokes cross, the denser shows: crossing vessels do not add up to a dot.
    """
    if not strokes:
        return np.zeros((SIZE, SIZE), np.float32)
    canvas = Image.new("L", (2 * SIZE, 2 * SIZE))
    pen = ImageDraw.Draw(canvas)
    ends = np.cumsum([len(stroke.points) for stroke in strokes])
    pixels = 2 * grid.pixels(np.concatenate([stroke.points for stroke in strokes]))
    lines = np.split(pixels, ends[:-1])
    for stroke, line in sorted(zip(strokes, lines, strict=True), key=lambda pair: pair[0].water):
        width = 2 * stroke.width * grid.scale
        # A line thinner than a drawn pixel is drawn one wide, and fainter.
        level = 255 * stroke.water / _INK_CM * min(1.0, width)
        pen.line(line.ravel().tolist(), round(min(level, 255)), max(1, round(width)))
    return np.asarray(canvas.reduce(2), np.float32) * np.float32(_INK_CM / 255)


def expose(water: Plane, rng: Generator) -> NDArray[np.uint8]:
    """A frame as displayed.

    Args:
        water: thickness along the beam, float32 (512, 512), cm.
        rng: draws the exposure, the noise and the display's window.

    Returns:
        uint8 (512, 512), bright where dense.
    """
    primary: Plane = np.exp(np.float32(-ATTENUATION) * np.maximum(water, 0))
    haze = _broad(np.minimum(primary, np.float32(0.35)), 16)
    signal = primary + np.float32(rng.uniform(*SCATTER_TO_PRIMARY)) * haze
    noise = rng.standard_normal(signal.shape, np.float32)
    signal += np.sqrt(signal * np.float32(1 / rng.uniform(*PHOTONS))) * noise
    weight = np.float32(rng.uniform(*BLUR))
    for axis in (0, 1):
        signal = _blur(signal, weight, axis)
    density: Plane = -np.log(np.maximum(signal, np.float32(1e-4)))
    density += np.float32(rng.uniform(0.1, 0.45)) * (density - _broad(density, 24))
    return _display(density, rng)


def _display(density: Plane, rng: Generator) -> NDArray[np.uint8]:
    """Window by the histogram of the frame's middle, then a sigmoid curve."""
    middle = density[40:440:6, 50:462:6]
    low, high = np.percentile(middle, (4, 96))
    span = high - low
    low -= span * rng.uniform(0.05, 0.22)
    high += span * rng.uniform(0.02, 0.25)
    level = np.clip((density - np.float32(low)) / np.float32(high - low), 0, 1)
    curved = level * level * (3 - 2 * level)
    bend = np.float32(rng.uniform(0.2, 0.8))
    shown: NDArray[np.uint8] = np.rint(
        255 * (bend * curved + (1 - bend) * level)
    ).astype(np.uint8)  # fmt: skip
    return shown


def _blur(signal: Plane, weight: np.float32, axis: int) -> Plane:
    before, after = (signal[:-1], signal[1:]) if axis == 0 else (signal[:, :-1], signal[:, 1:])
    flow = weight * (after - before)
    out = signal.copy()
    if axis == 0:
        out[:-1] += flow
        out[1:] -= flow
    else:
        out[:, :-1] += flow
        out[:, 1:] -= flow
    return out


def _broad(plane: Plane, cells: int) -> Plane:
    """The plane averaged over cells of its side, smoothly joined."""
    small = Image.fromarray(plane).resize((cells, cells), Image.Resampling.BOX)
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
