"""The 14 findings of ChestX-ray14: how often, how severe, and how each changes a chest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wattscan.tasks.chest_xray import airspace, focal, pleura
from wattscan.tasks.chest_xray.anatomy import Scene
from wattscan.tasks.chest_xray.geometry import Chest
from wattscan.tasks.chest_xray.placing import Drawer, Sign

FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""In the data set's order; a label's column is its place here."""
PREVALENCE = 0.15
"""Of each finding, before company is counted."""
COMPANY: tuple[tuple[str, str, float], ...] = (
    ("Cardiomegaly", "Edema", 0.12),
    ("Edema", "Effusion", 0.12),
    ("Effusion", "Atelectasis", 0.12),
    ("Pneumonia", "Infiltration", 0.08),
)
"""Findings that bring another: with the first, the second has this further chance."""
SEVERITY: dict[str, tuple[float, float]] = {
    "Atelectasis": (0.12, 1.0),
    "Cardiomegaly": (0.05, 0.9),
    "Effusion": (0.1, 1.0),
    "Infiltration": (0.2, 1.0),
    "Mass": (0.2, 1.0),
    "Nodule": (0.4, 1.0),
    "Pneumonia": (0.15, 1.0),
    "Pneumothorax": (0.04, 1.0),
    "Consolidation": (0.08, 1.0),
    "Edema": (0.15, 1.0),
    "Emphysema": (0.1, 1.0),
    "Fibrosis": (0.25, 1.0),
    "Pleural_Thickening": (0.1, 1.0),
    "Hernia": (0.1, 1.0),
}
"""The range that each finding's severity is drawn from, evenly; 0 shows nothing, 1 is obvious."""

_DRAWERS: dict[str, Drawer] = {
    "Atelectasis": airspace.add_atelectasis,
    "Infiltration": airspace.add_infiltration,
    "Pneumonia": airspace.add_pneumonia,
    "Consolidation": airspace.add_consolidation,
    "Edema": airspace.add_edema,
    "Fibrosis": focal.add_fibrosis,
    "Mass": focal.add_mass,
    "Nodule": focal.add_nodule,
    "Hernia": focal.add_hernia,
    "Pleural_Thickening": pleura.add_pleural_thickening,
    "Effusion": pleura.add_effusion,
    "Pneumothorax": pleura.add_pneumothorax,
}
"""In the order of drawing: air and fluid cover what lies in the lung."""


def draw_signs(rng: Generator) -> dict[str, Sign]:
    """Which findings a frame has, and how severe; each finding has its own stream."""
    signs: dict[str, Sign] = {}
    streams = dict(zip(FINDINGS, rng.spawn(len(FINDINGS)), strict=True))
    for name, stream in streams.items():
        if stream.random() < PREVALENCE:
            signs[name] = draw_sign(name, stream)
    for cause, effect, chance in COMPANY:
        if cause in signs and effect not in signs and streams[effect].random() < chance:
            signs[effect] = draw_sign(effect, streams[effect])
    return signs


def draw_sign(name: str, rng: Generator) -> Sign:
    """A severity from the finding's range, and a side."""
    return Sign(rng.uniform(*SEVERITY[name]), int(rng.choice((-1, 1))))


def reshape(chest: Chest, signs: Mapping[str, Sign]) -> Chest:
    """The chest as findings that change its very shape leave it."""
    if sign := signs.get("Emphysema"):
        # Trapped air: low flat domes, a narrow upright heart, lucent lungs with thin vessels.
        low = sign.scaled(0.4, 2.4)
        chest = replace(
            chest,
            domes=(chest.domes[0] + low, chest.domes[1] + low),
            dome_drop=chest.dome_drop * sign.scaled(0.85, 0.3),
            heart_ratio=chest.heart_ratio * sign.scaled(0.97, 0.78),
            lung_density=chest.lung_density * sign.scaled(0.92, 0.5),
            vessels=chest.vessels * sign.scaled(0.9, 0.45),
        )
    if sign := signs.get("Cardiomegaly"):
        chest = replace(chest, heart_ratio=max(chest.heart_ratio, sign.scaled(0.515, 0.66)))
    if sign := signs.get("Atelectasis"):
        right, left = chest.domes
        lost = sign.scaled(0.2, 2.4)
        domes = (right - lost, left) if sign.side < 0 else (right, left - lost)
        pulled = chest.shift + sign.side * sign.scaled(0.1, 1.0)
        chest = replace(chest, domes=domes, shift=pulled)
    if sign := signs.get("Edema"):
        chest = replace(chest, vessels=chest.vessels * sign.scaled(1.0, 1.35))
    if sign := signs.get("Fibrosis"):
        lost = sign.scaled(0.0, 0.9)
        chest = replace(chest, domes=(chest.domes[0] - lost, chest.domes[1] - lost))
    return chest


def add_findings(scene: Scene, signs: Mapping[str, Sign], rng: Generator) -> None:
    """Draw every finding that lies within the chest, each on its own stream."""
    for (name, draw), stream in zip(_DRAWERS.items(), rng.spawn(len(_DRAWERS)), strict=True):
        if name in signs:
            draw(scene, signs[name], stream)


def truth(signs: Mapping[str, Sign]) -> NDArray[np.uint8]:
    """Labels, uint8 (14,), 0 or 1."""
    return np.array([name in signs for name in FINDINGS], np.uint8)
