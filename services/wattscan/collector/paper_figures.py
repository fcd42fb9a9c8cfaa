"""The paper's published figures: facts from "Energy Efficiency of Quantized Neural Networks in
Medical Imaging" (under review for MIDL 2022), Tables 1 and 2. They are the paper's own, never ours.
"""

from __future__ import annotations

from collections.abc import Mapping

PAPER = (
    "Energy Efficiency of Quantized Neural Networks in Medical Imaging (under review for MIDL 2022)"
)

QUALITY: Mapping[tuple[str, str], tuple[float, float]] = {
    ("nerve-ultrasound", "dice"): (0.617, 0.646),
    ("brain-mri", "dice"): (0.96, 0.94),
    ("chest-xray", "auc_roc"): (0.81, 0.77),
}
"""Table 1: (task, metric) -> FP32, INT8; each on the paper's own data set."""

TASKS: tuple[str, ...] = tuple(task for task, _ in QUALITY)

TITLES: Mapping[str, str] = {
    "edge-tpu": "Coral Edge TPU",
    "jetson-nano": "Jetson Nano",
    "apple-m1": "Apple M1",
    "quadro-p6000": "Quadro P6000",
    "rtx-a6000": "RTX A6000",
}
"""The paper's platforms: the name of our target -> its title."""

TARGETS: tuple[str, ...] = tuple(TITLES)

TEMPERATURE_CELSIUS: Mapping[str, tuple[float, ...]] = {
    "nerve-ultrasound": (0.9, 4.5, 21.0, 31.0, 15.0),
    "brain-mri": (2.5, 1.0, 8.0, 19.0, 9.0),
    "chest-xray": (3.1, 0.5, 20.0, 18.0, 12.0),
}
"""Table 2: task -> post minus pre, degrees C, in the order of TARGETS."""

POWER_MILLIWATTS: Mapping[str, tuple[float, ...]] = {
    "nerve-ultrasound": (1300, 3376, 1286, 172000, 142000),
    "brain-mri": (1490, 3703, 4004, 171000, 65000),
    "chest-xray": (780, 3520, 720, 168000, 71000),
}
"""Table 2: task -> post minus pre, mW, in the order of TARGETS."""


def platform_of(target: str, title: str) -> str | None:
    """The paper's platform that a target is, by its title or its name; None for another one."""
    by_title = next((name for name, own in TITLES.items() if own == title), None)
    return by_title or (target if target in TITLES else None)


def delta(task: str, measure: str, platform: str | None) -> float | None:
    """A figure of Table 2: `temperature` in degrees C, `power` in mW; None where it has none."""
    table = TEMPERATURE_CELSIUS if measure == "temperature" else POWER_MILLIWATTS
    return dict(zip(TARGETS, table.get(task, ()), strict=False)).get(platform or "")
