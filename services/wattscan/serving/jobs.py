"""What the protocols ask of a model: an image as it comes, or tensors as the network takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from wattscan.contracts import Array, Finding, Mask, Pixels, TaskKind
from wattscan.serving.errors import RequestRefused
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.stages import Stages
from wattscan.serving.tensors import check_inputs, rows_of

Result_co = TypeVar("Result_co", covariant=True)


class Job(Protocol[Result_co]):
    """One request: from its bytes to the model's tensors, and back."""

    decodes: bool
    """Whether it unfolds an image, which may need thousands of times its memory."""

    def inputs(self, model: LoadedModel, stages: Stages) -> tuple[Sequence[Array], int]:
        """The model's input tensors, and how many rows they have. Raises: RequestRefused,
        InvalidImage."""
        ...

    def result(self, model: LoadedModel, outputs: Sequence[Array]) -> Result_co:
        """What the protocol answers with."""
        ...


@dataclass
class ImageJob:
    """An image in, a mask of its size or findings out."""

    kind: TaskKind
    read: Callable[[bool], Pixels]
    """Given whether a DICOM file's own window is to be applied."""
    decodes: bool = True
    _size: tuple[int, int] = (0, 0)

    def inputs(self, model: LoadedModel, stages: Stages) -> tuple[Sequence[Array], int]:
        """Decode and preprocess."""
        clinical = clinical_of(model)
        if clinical.task.kind != self.kind:
            raise RequestRefused(_wrong_method(clinical))
        stages.begin("decode")
        pixels = self.read(clinical.task.windowed)
        stages.end()
        self._size = (pixels.shape[0], pixels.shape[1])
        stages.begin("preprocess")
        tensor = clinical.task.preprocess(pixels, clinical.card.normalisation)
        stages.end()
        return [tensor[np.newaxis]], 1

    def result(self, model: LoadedModel, outputs: Sequence[Array]) -> Mask | tuple[Finding, ...]:
        """Postprocess."""
        return clinical_of(model).task.postprocess(outputs[0][0], self._size)


@dataclass
class TensorJob:
    """Tensors in, tensors out, by the names that the model has on the wire."""

    read: Callable[[LoadedModel], Mapping[str, Array]]
    decodes: bool = False

    def inputs(self, model: LoadedModel, stages: Stages) -> tuple[Sequence[Array], int]:
        """Read and check them."""
        stages.begin("decode")
        arrays = check_inputs(model, self.read(model))
        stages.end()
        return arrays, rows_of(model, arrays)

    def result(self, model: LoadedModel, outputs: Sequence[Array]) -> dict[str, Array]:
        """By name; a clinical model's are probabilities."""
        if model.clinical is not None:
            outputs = [_sigmoid(outputs[0])]
        return {spec.name: array for spec, array in zip(model.outputs, outputs, strict=True)}


def clinical_of(model: LoadedModel) -> Clinical:
    """The model's task and card. Raises: RequestRefused, if it has none."""
    if model.clinical is None:
        raise RequestRefused(
            f"{model.name} belongs to no clinical task: ask for it over the tensor protocols"
        )
    return model.clinical


def _sigmoid(logits: Array) -> Array:
    # By tanh: exp overflows where a network is sure of an absence.
    probabilities = np.tanh(np.multiply(logits, 0.5, dtype=np.float32))
    probabilities += 1
    probabilities *= 0.5
    return probabilities


def _wrong_method(clinical: Clinical) -> str:
    method = "Segment" if clinical.task.kind == "segmentation" else "Classify"
    return f"{clinical.card.task} is a {clinical.task.kind}: call {method}"
