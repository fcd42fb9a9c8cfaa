"""Classify: examples in, the findings of each out; for the models that tell findings.

An example has one of two features: `image/encoded`, an image file as it is, or `image`, what the
network takes, preprocessed by the client.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from wattscan.contracts import Array, Limits, Tensor
from wattscan.imaging import decode
from wattscan.serving.call import Call
from wattscan.serving.errors import RequestRefused
from wattscan.serving.jobs import ImageJob, TensorJob
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.fields import split
from wattscan.serving.protocols.tfs.spec import SIGNATURE, answered, check_signature, chosen
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.rpc import parsed
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as pb

ENCODED = "image/encoded"
_INPUT = pb.ClassificationRequest.INPUT_FIELD_NUMBER
_LISTS = (
    pb.Input.EXAMPLE_LIST_FIELD_NUMBER,
    pb.Input.EXAMPLE_LIST_WITH_CONTEXT_FIELD_NUMBER,
)
_MAX_EXAMPLES = 64

_Features: TypeAlias = Mapping[str, tf.Feature]
_Scores: TypeAlias = Sequence[float]


def classify(data: bytes, call: Call, pipeline: Pipeline, limits: Limits) -> bytes:
    """ClassificationRequest -> ClassificationResponse: of each example all findings, in the
    model's order, each with its probability.

    Raises:
        RequestRefused, InvalidImage: with a text for the client.
    """
    _check_count(data)
    request: pb.ClassificationRequest = parsed(pb.ClassificationRequest, data)
    name, version = chosen(request.model_spec, pipeline.models)
    check_signature(request.model_spec)
    call.model = model = pipeline.models.get(name, version)
    findings = _classifier(model).task.findings
    images = [_image_of(features, model) for features in _examples(request.input)]
    files = [image for image in images if isinstance(image, bytes)]
    tensors = [image for image in images if not isinstance(image, bytes)]
    if files and tensors:
        raise RequestRefused(f"some examples have {ENCODED} and some not: send one kind a request")
    ask = partial(pipeline.answer, name, version)
    with pipeline.admitted(call):
        scores = (
            _scores_of_files(files, call, ask, limits)
            if files
            else _scores_of_tensors(tensors, call, ask)
        )
    return _response(call.model, findings, scores)


def _check_count(data: bytes) -> None:
    """Parsed, a message of empty examples would take twenty times its bytes.

    Raises: RequestRefused, from more fields on than `split` takes.
    """
    _, inputs = split(memoryview(data), (_INPUT,))
    for _, message in inputs:
        _, lists = split(message, _LISTS)
        for _, examples in lists:
            split(examples, ())


def _classifier(model: LoadedModel) -> Clinical:
    """Raises: RequestRefused, if the model tells no findings."""
    if model.clinical is None or model.clinical.task.kind != "classification":
        raise RequestRefused(f"{model.name} is no classification: call Predict with its tensors")
    return model.clinical


def _examples(message: pb.Input) -> list[_Features]:
    """The features of each example, and of the context what it lacks. Raises: RequestRefused."""
    context: _Features = {}
    examples: Sequence[tf.Example] = message.example_list.examples
    if message.WhichOneof("kind") == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context = message.example_list_with_context.context.features.feature
    if not 1 <= len(examples) <= _MAX_EXAMPLES:
        raise RequestRefused(
            f"the request has {len(examples)} examples: send 1 to {_MAX_EXAMPLES} of them"
        )
    return [{**context, **example.features.feature} for example in examples]


def _image_of(features: _Features, model: LoadedModel) -> bytes | Tensor:
    """The example's file, or its tensor, float32 (H, W, C). Raises: RequestRefused."""
    (spec,) = model.inputs
    encoded, values = features.get(ENCODED), features.get(spec.name)
    if (encoded is None) == (values is None):
        raise RequestRefused(
            f"an example needs one of two features: {ENCODED}, an image file, or {spec.name}, "
            f"the {math.prod(spec.shape[1:])} preprocessed values"
        )
    if encoded is not None:
        if len(encoded.bytes_list.value) != 1:
            raise RequestRefused(f"{ENCODED} must be a bytes_list with one file in it")
        return encoded.bytes_list.value[0]
    assert values is not None  # noqa: S101  one of the two is there
    listed = values.float_list.value
    if len(listed) != math.prod(spec.shape[1:]):
        raise RequestRefused(
            f"{spec.name} must be a float_list with {math.prod(spec.shape[1:])} values, the "
            f"elements of shape {list(spec.shape[1:])}; it has {len(listed)}"
        )
    return np.fromiter(listed, np.float32, len(listed)).reshape(spec.shape[1:])


def _scores_of_files(
    files: Sequence[bytes], call: Call, ask: Callable[..., Any], limits: Limits
) -> list[_Scores]:
    """One request to the pipeline for each, as for an image of the typed protocol."""
    jobs = [ImageJob("classification", partial(decode, file, 0, limits)) for file in files]
    while True:
        rows: list[_Scores] = []
        served: set[LoadedModel | None] = set()
        for job in jobs:
            rows.append([finding.probability for finding in ask(job, call)])
            served.add(call.model)
        # Another version has come meanwhile, and one answer is of one version: once more.
        if len(served) == 1:
            return rows


def _scores_of_tensors(
    tensors: Sequence[Tensor], call: Call, ask: Callable[..., Any]
) -> list[_Scores]:
    """One request to the pipeline for all."""

    def read(model: LoadedModel) -> Mapping[str, Array]:
        return {model.inputs[0].name: np.stack(tensors)}

    (scores,) = ask(TensorJob(read), call).values()
    rows: list[_Scores] = scores.tolist()
    return rows


def _response(model: LoadedModel, findings: Sequence[str], scores: Iterable[_Scores]) -> bytes:
    result = pb.ClassificationResult()
    for row in scores:
        classes = result.classifications.add().classes
        for label, score in zip(findings, row, strict=True):
            classes.add(label=label, score=score)
    spec = answered(model.name, model.version, SIGNATURE)
    return pb.ClassificationResponse(model_spec=spec, result=result).SerializeToString()
