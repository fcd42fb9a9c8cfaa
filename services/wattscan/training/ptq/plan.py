"""What a quantization is asked for, and what comes of it; the same for ONNX and for TFLite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from wattscan.samples import Sample
from wattscan.training.own.labels import Label
from wattscan.training.own.outputs import Compared

Say = Callable[[str], None]

ALL, HEAVY = "all", "heavy"
BUILDS: Mapping[str, str] = {
    ALL: "every operator that has an 8-bit form",
    HEAVY: "the operators with weights alone: convolutions and matrix products",
}
"""One of the two agrees better or runs faster, and which of them nobody can tell beforehand."""
TOLERANCE = 0.05
LAYERS = 8
"""So many layers are tried out to see what each costs."""


@dataclass(frozen=True)
class Build:
    """How a file is built: one of `BUILDS`, and the layers that stay in float."""

    name: str
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class InFloat:
    """Operators of one kind that a build has left in float, and why."""

    operator: str
    count: int
    why: str


class Quantizer(Protocol):
    """One format's way from a file in float to one in INT8."""

    @property
    def source(self) -> Path:
        """The file in float, repaired."""
        ...

    @property
    def repairs(self) -> Sequence[str]:
        """What was repaired, as sentences."""
        ...

    def layers(self) -> list[str]:
        """The layers with weights, in the file's order, by the names that `keep` takes."""
        ...

    def build(self, build: Build, path: Path) -> None:
        """Write the file. Raises: WattscanError."""
        ...

    def in_float(self, path: Path, build: Build) -> list[InFloat]:
        """What a built file has left in float."""
        ...


@dataclass(frozen=True)
class Tried:
    """One build in one engine: agreement on the held-out samples, and the seconds of processor time
    that an image takes; `areas`: the AUC-ROC of the file in float and of the build, where labels
    were given; `failed`: why it does not run."""

    build: Build
    engine: str
    compared: tuple[Compared, ...] = ()
    seconds: float = 0.0
    failed: str = ""
    areas: tuple[float, float] | None = None

    @property
    def error(self) -> float:
        """1 - agreement, or the relative error: the worst output's; what of the AUC-ROC is lost,
        where that is known; infinite where it failed."""
        if self.failed:
            return float("inf")
        if self.areas is not None:
            return max(0.0, self.areas[0] - self.areas[1])
        return max(c.value if c.metric == "relative_error" else 1 - c.value for c in self.compared)


@dataclass(frozen=True)
class QuantizeOptions:
    """Samples for calibration and for comparison, and the labels of the latter, or none;
    `tolerance`: the largest `Tried.error`."""

    calibration: Sequence[Sample]
    held_out: Sequence[Sample]
    keep: tuple[str, ...] = ()
    tolerance: float = TOLERANCE
    layers: int = LAYERS
    labels: Sequence[Label] = ()


@dataclass(frozen=True)
class Outcome:
    """What was made. `chosen`: the better build in each engine; `float_seconds`: of the file in
    float, by engine; `costly`: what the error would be with one more layer in float, the best
    first; empty where nothing is lost."""

    tried: Sequence[Tried]
    chosen: Mapping[str, Tried]
    float_seconds: Mapping[str, float]
    in_float: Mapping[str, Sequence[InFloat]]
    costly: Sequence[tuple[str, float]] = ()
    paths: Mapping[str, Path] = field(default_factory=dict)

    def best(self, tolerance: float) -> Tried:
        """Of the engines, the fastest one within the tolerance; else that of the least error."""
        good = [tried for tried in self.chosen.values() if tried.error <= tolerance]
        if good:
            return min(good, key=lambda tried: tried.seconds)
        return min(self.chosen.values(), key=lambda tried: tried.error)
