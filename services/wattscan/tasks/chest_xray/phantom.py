"""A seeded chest radiograph phantom: frontal, posteroanterior, with up to 14 findings at once.

A phantom proves the pipeline and compares FP32 with INT8; it says nothing about patients. Each
finding looks as textbooks of chest radiology describe it, from obvious to barely visible, among
normal variants and devices that resemble it. What is drawn is thickness in cm of water; one
projection turns it into a radiograph.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.contracts import Samples
from wattscan.tasks.chest_xray.anatomy import trunk
from wattscan.tasks.chest_xray.bones import add_bones
from wattscan.tasks.chest_xray.findings import FINDINGS, add_findings, draw_signs, reshape, truth
from wattscan.tasks.chest_xray.geometry import SIZE, draw_chest, draw_grid, enlarge
from wattscan.tasks.chest_xray.lookalikes import add_lookalikes
from wattscan.tasks.chest_xray.placing import Sign
from wattscan.tasks.chest_xray.projection import expose, ink
from wattscan.tasks.chest_xray.vessels import add_vessels

FRAME_SIZE = (SIZE, SIZE)
"""Height and width of a frame, in pixels."""


def samples(count: int, seed: int, first: int = 0) -> Samples:
    """Frames 0 to `count` - 1 of the set `seed`; a longer set begins with the shorter one.

    Returns:
        images uint8 (count, 512, 512), bright where dense, and truth uint8 (count, 14), 0 or 1,
        in the order of `FINDINGS`.
    """
    images = np.empty((count, *FRAME_SIZE), np.uint8)
    labels = np.empty((count, len(FINDINGS)), np.uint8)
    for index in range(count):
        images[index], labels[index] = frame(seed, first + index)
    return Samples(images, labels)


def frame(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One frame, uint8 (512, 512), and its labels, uint8 (14,): a function of (seed, index)."""
    which, how = np.random.default_rng([seed, index]).spawn(2)
    signs = draw_signs(which)
    return render(how, signs), truth(signs)


def render(rng: Generator, signs: Mapping[str, Sign]) -> NDArray[np.uint8]:
    """The frame, uint8 (512, 512), of one patient with chosen findings.

    What `rng` draws does not depend on the findings: the same state with other findings is the
    same patient in the same pose under the same exposure.
    """
    pose, body, organs, skeleton, tree, disease, extras, detector = rng.spawn(8)
    chest = reshape(draw_chest(body), signs)
    scene = trunk(draw_grid(pose), chest, organs)
    add_bones(scene, skeleton)
    add_vessels(scene, tree)
    add_lookalikes(scene, extras)
    add_findings(scene, signs, disease)
    grid = scene.grid
    water = enlarge(scene.water) + ink(grid, scene.strokes)
    water += ink(grid, scene.vessels) * enlarge(scene.perfused)
    water -= ink(grid, scene.hollows)
    return expose(water, detector)
