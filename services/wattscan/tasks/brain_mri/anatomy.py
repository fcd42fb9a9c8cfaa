"""A head in axial section: how much of each tissue a pixel holds.

Outward from the brain: fluid, dura, skull with its marrow, scalp. Inward: a cortical ribbon of
about 3 mm along the surface and every sulcus, white matter, and the parts that `structures` draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from wattscan.tasks.brain_mri import structures
from wattscan.tasks.brain_mri.fields import Plane, smooth_noise, soft_step
from wattscan.tasks.brain_mri.head import Head


@dataclass(frozen=True)
class Tissue:
    """Fractions, 0 to 1, and two signed distances, in pixels."""

    scalp: Plane
    skull: Plane
    marrow: Plane
    fluid: Plane
    """All the cerebrospinal fluid: the ventricles' too."""
    ventricle: Plane
    cortex: Plane
    nuclei: Plane
    dura: Plane
    vessel: Plane
    choroid: Plane
    brain: Plane
    """1 within the brain's outline."""
    depth: Plane
    """Distance to that outline, positive inside."""
    ventricle_distance: Plane

    @property
    def white(self) -> Plane:
        """White matter: what no other tissue of the brain takes."""
        rest: Plane = np.clip(self.brain - self.fluid - self.cortex - self.nuclei, 0, 1)
        return rest


def tissue(head: Head, depth: Plane, x: Plane, y: Plane, rng: Generator) -> Tissue:
    """What lies where.

    Args:
        head: whose head it is.
        depth: distance to the brain's outline; a mass inside does not move the skull.
        x, y: the head's coordinates of each pixel, moved by a mass if there is one.
        rng: draws the folds.
    """
    size = (x.shape[0], x.shape[1])
    x = x + np.float32(1.6) * smooth_noise(size, 22, rng)
    y = y + np.float32(1.6) * smooth_noise(size, 22, rng)
    ventricle_distance = structures.ventricles(head, x, y)
    fold = structures.folds(head, depth, x, y, rng)
    # The dura lies where the fluid around the brain ends.
    outer = depth + np.float32(1 + 2 * head.atrophy)
    ventricle, fluid, cortex = _fluid_and_cortex(head, depth, fold, ventricle_distance)
    brain = soft_step(depth)
    nuclei = np.clip(brain * structures.nuclei(head, x, y) - fluid - cortex, 0, 1)
    scalp, skull, marrow = _shells(head, outer, rng)
    blood = np.maximum(structures.vessels(fold, depth, rng), structures.sinus(head, x, y, rng))
    return Tissue(
        scalp=scalp,
        skull=skull,
        marrow=marrow,
        fluid=fluid,
        ventricle=ventricle,
        cortex=cortex,
        nuclei=nuclei,
        dura=structures.dura(head, outer, x, y),
        vessel=blood,
        choroid=structures.choroid(head, x, y) * ventricle,
        brain=brain,
        depth=depth,
        ventricle_distance=ventricle_distance,
    )


def _fluid_and_cortex(
    head: Head, depth: Plane, fold: Plane, ventricle_distance: Plane
) -> tuple[Plane, Plane, Plane]:
    """The ventricles, all of the fluid, and the cortex along sulci and surface."""
    brain = soft_step(depth)
    ventricle = soft_step(ventricle_distance) * brain
    sulcus = soft_step(np.float32(head.atrophy) - fold)
    # A sulcus narrower than a pixel holds less than a pixel's worth of fluid.
    sulcus *= np.float32(min(1.0, 0.3 + head.atrophy))
    around = soft_step(depth + np.float32(1 + 2 * head.atrophy)) - brain
    fluid = np.maximum(np.maximum(ventricle, brain * sulcus), around)
    near = np.minimum(fold - np.float32(head.atrophy), depth)
    ribbon = soft_step(np.float32(head.ribbon) - near, 0.6)
    # The walls of the ventricles bear no cortex.
    ribbon *= soft_step(-ventricle_distance - 6, 1.0)
    return ventricle, fluid, np.clip(brain * ribbon - fluid, 0, 1)


def _shells(head: Head, outer: Plane, rng: Generator) -> tuple[Plane, Plane, Plane]:
    """Scalp, skull, and the marrow in the middle of the skull."""
    bone = outer + np.float32(head.skull)
    skull = soft_step(bone) - soft_step(outer)
    middle = (outer + np.float32(head.skull / 2)) / np.float32(0.28 * head.skull)
    uneven = np.float32(0.2) * smooth_noise((outer.shape[0], outer.shape[1]), 60, rng)
    scalp = soft_step(bone + np.float32(head.scalp) * (1 + uneven)) - soft_step(bone)
    return scalp, skull, skull * np.exp(-middle * middle)
