"""A seeded B-mode phantom of a limb: layered tissue, a nerve in most frames, and look-alikes.

A phantom proves the pipeline and compares FP32 with INT8; it says nothing about patients. The
anatomy follows what textbooks of regional anaesthesia describe: skin and fascia bright, fat and
muscle darker with bright septa; a nerve in short axis is a darker oval with an echogenic rim
(epineurium) and a honeycomb of fascicles; a vessel is round, black and brightens what lies below
it; a lymph node is dark with a bright hilum; poor contact and calcium cast shadows. The rim is
bright where it faces the beam and fades where it runs along it (specular reflection).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.contracts import Samples
from wattscan.tasks.nerve_ultrasound.anatomy import (
    Plane,
    add_lymph_node,
    add_nerve,
    add_shadow,
    add_vessel,
    place_oval,
    tissue,
)
from wattscan.tasks.nerve_ultrasound.speckle import Beam, Receiver, envelope, receive

FRAME_SIZE = (420, 580)
"""Height and width of a frame, in pixels: those of the public data set."""
PIXEL_CM = 0.01
"""0.1 mm: a frame is 42 mm deep and 58 mm wide."""
NERVE_FRACTION = 0.65
"""How many frames show a nerve."""


def samples(count: int, seed: int, first: int = 0) -> Samples:
    """`count` frames of the set `seed`, from number `first` on.

    Returns:
        images uint8 (count, 420, 580) and truth uint8 0 or 1 of the same shape, 1 on the nerve
        with its rim.
    """
    images = np.empty((count, *FRAME_SIZE), np.uint8)
    truth = np.empty((count, *FRAME_SIZE), np.uint8)
    for index in range(count):
        images[index], truth[index] = frame(seed, first + index)
    return Samples(images, truth)


def frame(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One frame and its mask, both uint8 (420, 580): a function of (seed, index) alone."""
    rng = np.random.default_rng([seed, index])
    levels_db, mask = _scene(rng)
    amplitude = np.power(np.float32(10), levels_db / 20)
    beam = Beam(
        axial=rng.uniform(0.9, 1.3),
        lateral_at_focus=rng.uniform(1.6, 2.4),
        focus=rng.uniform(130, 260),
        focal_range=rng.uniform(110, 200),
    )
    attenuation_db = rng.uniform(0.5, 0.7)
    receiver = Receiver(
        pixel_cm=PIXEL_CM,
        attenuation_db=attenuation_db,
        # The operator's gain curve misses the true loss by a little, per cm.
        compensation_db=20 * attenuation_db + rng.uniform(-2.5, 1.0),
        noise_db=rng.uniform(-82, -68),
        dynamic_range_db=rng.uniform(48, 64),
        gray_of_muscle=rng.uniform(90, 140),
    )
    return receive(envelope(amplitude, beam, rng), receiver, rng), mask


def _scene(rng: Generator) -> tuple[Plane, NDArray[np.uint8]]:
    """Echo levels in decibels against muscle, and the nerve's mask."""
    levels = tissue(FRAME_SIZE, rng)
    mask = np.zeros(FRAME_SIZE, np.uint8)
    taken: list[tuple[float, float, float]] = []
    nerve = None
    if rng.random() < NERVE_FRACTION:
        nerve = place_oval(FRAME_SIZE, rng, (48, 82), (26, 46), taken)
    for _ in range(rng.integers(0, 3)):
        vessel = place_oval(FRAME_SIZE, rng, (16, 44), (16, 44), taken)
        if vessel is not None:
            add_vessel(levels, vessel, rng)
    for _ in range(rng.integers(0, 3)):
        node = place_oval(FRAME_SIZE, rng, (40, 78), (22, 42), taken)
        if node is not None:
            add_lymph_node(levels, node, rng)
    if nerve is not None:
        add_nerve(levels, mask, nerve, rng)
    for _ in range(rng.integers(0, 3)):
        add_shadow(levels, rng)
    return levels, mask
