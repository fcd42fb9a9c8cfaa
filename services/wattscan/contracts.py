"""What plug-ins fulfil, and the frozen records that pass between the stages.

A plug-in is a module found by its name (see `plugins`). A task module has `TASK`, a backend module
has `FORMAT` and `open_engine`, a sensor module has `find`; the Protocols below type them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wattscan.units import Celsius, Joules, Seconds, Watts

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16] | NDArray[np.float32]
"""An image as the modality gives it: (height, width) or (height, width, 3), any scale."""

Tensor: TypeAlias = NDArray[np.float32]
Precision = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
TaskKind = Literal["segmentation", "classification"]
Format = Literal["onnx", "tflite"]
Method = Literal["counter", "integrated", "modelled"]
Scope = Literal["system", "board", "chip", "rail"]


class WattscanError(Exception):
    """A failure that its reader can act on: one sentence, no traceback, exit code 2."""


class InvalidImage(WattscanError):
    """The bytes cannot be read as an image. The text never holds a value of a header."""


class ImageTooLarge(InvalidImage):
    """The image is over the limit on bytes or pixels."""


class SensorAbsent(Exception):
    """The sensor is not on this machine; the text says why. Absent is not failed."""


class SensorFailed(Exception):
    """A sensor that is there could not be read. `reason` is a short word for the error counter."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


# --- models -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Normalisation:
    """Pixel statistics of the training set, in the units of the task's resized pixels."""

    mean: float
    std: float


@dataclass(frozen=True)
class Quality:
    """A score on a held-out set: `metric` is `dice` or `auc_roc`, `dataset` names the set."""

    metric: str
    dataset: str
    value: float


@dataclass(frozen=True)
class ModelFile:
    """One artifact. `sha256` is the hex digest of the file at `path`."""

    format: Format
    path: Path
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """One model variant: what it is, what it was trained on, how good it is, and its files."""

    task: str
    precision: Precision
    version: str
    network: str
    normalisation: Normalisation
    quality: tuple[Quality, ...]
    files: tuple[ModelFile, ...]
    details: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name on the wire, such as `brain-mri-int8`."""
        return f"{self.task}-{self.precision}"


class Engine(Protocol):
    """A loaded model. Safe to call from one thread at a time."""

    provider: str
    """What runs it: `OpenVINOExecutionProvider`, `CPUExecutionProvider`, `XNNPACK`, ..."""

    def infer(self, batch: Tensor) -> Tensor:
        """Run the network.

        Args:
            batch: float32 (N, H, W, C), preprocessed as the task says.

        Returns:
            Logits, float32: (N, H, W, 1) for a segmentation, (N, classes) for a classification.
        """
        ...

    def close(self) -> None:
        """Let the runtime free the model."""
        ...


class Backend(Protocol):
    """A module under `backends/`."""

    FORMAT: Format

    def open_engine(self, path: Path, settings: Mapping[str, Any]) -> Engine:
        """Load the model file.

        Args:
            path: a file in the backend's FORMAT.
            settings: the `[backend]` table of the target's TOML.

        Raises:
            WattscanError: the file is missing or corrupt, or the SDK is not installed.
        """
        ...


# --- tasks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mask:
    """A segmentation at the size of the image it came from: uint8 (height, width), 0 or 1."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Finding:
    """One finding of a classification and its probability, 0 to 1."""

    name: str
    probability: float


@dataclass(frozen=True)
class Samples:
    """A labelled set: images uint8 (N, height, width[, 3]); truth uint8 masks (N, height, width),
    0 or 1, or findings (N, classes), 0 or 1."""

    images: NDArray[np.uint8]
    truth: NDArray[np.uint8]


@runtime_checkable
class Task(Protocol):
    """The `TASK` object of a package under `tasks/`."""

    name: str
    kind: TaskKind
    title: str
    input_shape: tuple[int, int, int]
    metric: str
    findings: tuple[str, ...]
    phantom_dataset: str

    def preprocess(self, pixels: Pixels, normalisation: Normalisation) -> Tensor:
        """One image of any size -> float32 (H, W, C)."""
        ...

    def postprocess(
        self, logits: Tensor, source_size: tuple[int, int]
    ) -> Mask | tuple[Finding, ...]:
        """The logits of one image -> a mask of `source_size` (height, width), or findings."""
        ...

    def score(self, logits: Tensor, truth: NDArray[np.uint8]) -> float:
        """Logits of N images against N truths -> the task's metric, 0 to 1."""
        ...

    def phantom(self, count: int, seed: int) -> Samples:
        """A synthetic labelled set, the same for the same seed."""
        ...


# --- sensors ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PowerReading:
    """The power of one domain at the moment of reading."""

    domain: str
    scope: Scope
    power: Watts


@dataclass(frozen=True)
class EnergyReading:
    """The count of one domain's energy counter.

    `wraps_at` is the count at which the counter starts again at zero, or None.
    """

    domain: str
    scope: Scope
    count: Joules
    wraps_at: Joules | None = None


@dataclass(frozen=True)
class TemperatureReading:
    """The temperature of one zone at the moment of reading."""

    zone: str
    temperature: Celsius


@runtime_checkable
class PowerSensor(Protocol):
    """A source of instantaneous power, which the sampler integrates."""

    name: str
    uncertainty_ratio: float

    def read_power(self) -> Sequence[PowerReading]:
        """Raises: SensorFailed."""
        ...


@runtime_checkable
class EnergySensor(Protocol):
    """A source that counts energy itself (`counter`) or computes it (`modelled`)."""

    name: str
    method: Method
    uncertainty_ratio: float

    def read_energy(self) -> Sequence[EnergyReading]:
        """Raises: SensorFailed."""
        ...


@runtime_checkable
class TemperatureSensor(Protocol):
    """A source of temperatures."""

    name: str

    def read_temperature(self) -> Sequence[TemperatureReading]:
        """Raises: SensorFailed."""
        ...


Sensor: TypeAlias = PowerSensor | EnergySensor | TemperatureSensor


class SensorModule(Protocol):
    """A module under `sensors/`."""

    def find(self, settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
        """Look for the sensor on this machine.

        Args:
            settings: the sensor's `[[sensors]]` table of the target's TOML.
            sysfs: the root of sysfs, `/sys` unless it is mounted elsewhere.

        Raises:
            SensorAbsent: it is not here, and why.
        """
        ...


# --- energy of a request ----------------------------------------------------------------------


@dataclass(frozen=True)
class EnergyShare:
    """The energy of one request, as well as it is known now.

    `method` is `estimated` until every interval of the request is settled.
    """

    energy: Joules
    method: Method | Literal["estimated"]
    scope: Scope


class EnergyAccount(Protocol):
    """The energy of one request."""

    def in_service(self, share: float = 1.0) -> AbstractContextManager[None]:
        """While inside, the request is in service.

        Args:
            share: its share of the work: in a batch, its images over the batch's.
        """
        ...

    def so_far(self) -> EnergyShare | None:
        """None where the target has no source of energy."""
        ...

    def close(self, ok: bool) -> None:
        """The request is answered (ok), or has failed."""
        ...


class EnergyMeter(Protocol):
    """Gives the device's energy to the requests in service."""

    def open(self, task: str, precision: str) -> EnergyAccount:
        """An account for a new request."""
        ...


# --- targets ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SensorChoice:
    """One `[[sensors]]` entry: a module's name and what is passed to its `find`."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class PaperReading:
    """Which reading the paper's Table 2 used on this target; None where it does not say."""

    precision: Precision | None = None
    domain: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class Target:
    """A hardware target, as its TOML file describes it. Sensors are in order of preference."""

    name: str
    title: str
    backend: str
    backend_settings: Mapping[str, Any]
    sensors: tuple[SensorChoice, ...]
    sample_interval: Seconds
    paper: PaperReading
    queue_limit: int
