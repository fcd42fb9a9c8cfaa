"""What a client gets: answers as NumPy arrays, receipts, and failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from wattscan.contracts import WattscanError
from wattscan.datatypes import DTYPES
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

_PUSHBACK = "grpc-retry-pushback-ms"


class RequestFailed(WattscanError):
    """The service refused or failed a request, or could not be reached.

    `status` is the name of gRPC's status, such as `INVALID_ARGUMENT`; `retry_after` is when the
    service suggests to try again, in seconds, None where it does not.
    """

    def __init__(self, status: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True)
class Receipt:
    """What answered a request, how long its stages took, and what it cost.

    `seconds` are by stage: decode, preprocess, queue, infer, postprocess, total; a protocol that
    does not tell them has none. `joules` is None where the energy is not known; `method` is
    `counter`, `integrated`, `estimated`, `modelled` or `unknown`, and `scope` `system`, `board`,
    `chip` or `rail`, "" where that is not known.
    """

    model: str
    version: str
    sha256: str
    seconds: Mapping[str, float]
    joules: float | None
    method: str
    scope: str


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A mask, uint8 (height, width) of the image, 1 inside of the structure."""

    mask: NDArray[np.uint8]
    receipt: Receipt


@dataclass(frozen=True)
class Classification:
    """The probability of each finding, 0 to 1, by its name."""

    findings: Mapping[str, float]
    receipt: Receipt


@dataclass(frozen=True, eq=False)
class Inference:
    """A model's output tensors, by their names."""

    outputs: Mapping[str, NDArray[Any]]
    receipt: Receipt


@dataclass(frozen=True)
class ServedModel:
    """A clinical model that the service has. `input_shape` is (height, width, channels)."""

    name: str
    version: str
    sha256: str
    task: str
    variant: str
    kind: str
    input_shape: tuple[int, ...]


def segmentation(answer: pb.SegmentResponse) -> Segmentation:
    """The mask's bytes are not copied, and cannot be written to."""
    mask = np.frombuffer(answer.mask.pixels, np.uint8)
    size = (answer.mask.height, answer.mask.width)
    if mask.size != size[0] * size[1]:
        raise WattscanError(
            f"the service's answer is damaged: a mask of {size} in {mask.size} bytes"
        )
    return Segmentation(mask.reshape(size), _receipt(answer.receipt))


def classification(answer: pb.ClassifyResponse) -> Classification:
    """In the order in which the service gives the findings."""
    findings = {finding.name: finding.probability for finding in answer.findings}
    return Classification(findings, _receipt(answer.receipt))


def inference(answer: oip.ModelInferResponse) -> Inference:
    """The tensors' bytes are not copied, and cannot be written to. Raises: WattscanError: they are
    not what the answer says of them, or of a type that NumPy does not have."""
    try:
        outputs = {
            tensor.name: np.frombuffer(content, DTYPES[tensor.datatype]).reshape(tensor.shape)
            for tensor, content in zip(answer.outputs, answer.raw_output_contents, strict=True)
        }
    except (KeyError, ValueError):
        shown = ", ".join(f"{t.name} {t.datatype} {list(t.shape)}" for t in answer.outputs)
        raise WattscanError(
            f"the answer of {answer.model_name} cannot be read: it has {shown or 'no output'} in "
            f"{[len(content) for content in answer.raw_output_contents]} raw bytes"
        ) from None
    told = answer.parameters
    joules = told["energy_joules"].double_param if "energy_joules" in told else None
    method = told["energy_method"].string_param if "energy_method" in told else "unknown"
    scope = told["energy_scope"].string_param if "energy_scope" in told else ""
    version = answer.model_version
    return Inference(outputs, Receipt(answer.model_name, version, "", {}, joules, method, scope))


def served(answer: pb.ListModelsResponse) -> list[ServedModel]:
    """In the service's order."""
    return [
        ServedModel(
            name=model.identity.name,
            version=model.identity.version,
            sha256=model.identity.sha256,
            task=model.task,
            variant=model.variant,
            kind=model.kind,
            input_shape=tuple(model.input_shape),
        )
        for model in answer.models
    ]


def failure(error: grpc.RpcError, address: str) -> RequestFailed:
    """Of a call that has ended with an error."""
    call: Any = error  # grpc's errors are calls, which its types do not say
    status = call.code().name
    trailing = dict(call.trailing_metadata() or ())
    # A negative one says not to try again.
    hint = trailing.get(_PUSHBACK, "")
    after = float(hint) / 1000 if hint.isdecimal() else None
    message = call.details() or "no reason is given"
    if status == "UNAVAILABLE" and not trailing:
        message = f"{address} does not answer: {message}"
    return RequestFailed(status, message, after)


def _receipt(receipt: pb.Receipt) -> Receipt:
    stages = receipt.timings
    energy = receipt.energy
    return Receipt(
        model=receipt.model.name,
        version=receipt.model.version,
        sha256=receipt.model.sha256,
        seconds={
            field.name.removesuffix("_seconds"): getattr(stages, field.name)
            for field in stages.DESCRIPTOR.fields
        },
        joules=energy.joules if energy.HasField("joules") else None,
        method=energy.method or "unknown",
        scope=energy.scope,
    )
