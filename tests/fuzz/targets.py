"""What is fuzzed: the decoder of images, and the protocols from a message's bytes to its answer.

The models are stand-ins that answer at once; all before and behind them is the service's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from prometheus_client import CollectorRegistry
from serving_rig import Engine, OneModel, nerve_model, plain_model

from fuzz import seeds
from wattscan import plugins
from wattscan.contracts import (
    Batching,
    InvalidImage,
    Limits,
    ModelCard,
    ModelFile,
    Normalisation,
    TensorSpec,
)
from wattscan.imaging import decode
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.runner import ImageRunner
from wattscan.serving.call import Call
from wattscan.serving.errors import NotServed, RequestRefused
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.oip.service import InferenceService
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.serving.protocols.tfs.service import TensorFlowService
from wattscan.serving.protocols.typed import ImagingService
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger, LedgerSource
from wattscan.units import Joules, Seconds

ALLOWED = (InvalidImage, RequestRefused)
"""What may escape: errors whose texts are for clients."""

# Small, so that a second has many tries.
_LIMITS = Limits(max_bytes=1024 * 1024, max_pixels=1_000_000)
_BATCHING = Batching()
_FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Target:
    """What to call with the fuzzer's bytes, and what to begin with."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


class _Findings(Engine):
    """No finding in any image."""

    def infer(self, batch: np.ndarray) -> np.ndarray:
        return np.zeros((len(batch), 14), np.float32)


def _chest_model() -> LoadedModel:
    engine = _Findings()
    card = ModelCard("chest-xray", "int8", "1", "test", Normalisation(100.0, 50.0), (), (), {})
    image = TensorSpec("image", _FLOAT, (-1, 224, 224, 3))
    findings = TensorSpec("findings", _FLOAT, (-1, 14))
    return LoadedModel(
        card.name, 1, ModelConfig(_BATCHING), "test", ModelFile("onnx", None, "abc"),
        Clinical(plugins.task(card.task), card), [engine],
        Batcher([ImageRunner(engine)], _BATCHING), (image,), (findings,), True,
    )  # fmt: skip


class _Models(OneModel):
    """One model, without labels of its versions."""

    def by_label(self, name: str, label: str) -> int:
        raise NotServed("it has no version with that label")

    def index(self) -> list[object]:
        return []


class _Service:
    """A pipeline with one model, whose ledger is settled after each request."""

    def __init__(self, model: LoadedModel) -> None:
        self._ledger = Ledger()
        self._ledger.set_source(LedgerSource("counter", "chip"))
        self.observations = Observations(load_target("cpu"), CollectorRegistry())
        self.pipeline = Pipeline(
            cast(Repository, _Models(model)), self._ledger, self.observations, 64
        )

    def answer(self, method: Callable[[bytes, Call], object] | None, data: bytes) -> None:
        assert method is not None
        call = Call("fuzz")
        call.shorten(10.0)
        try:
            method(data, call)
        finally:
            self._ledger.settle(Seconds(0.0), Seconds(1e12), Joules(1.0))


def _image() -> Target:
    def run(data: bytes) -> None:
        # The first byte chooses the frame: single-frame files are the rule.
        decode(data[1:], data[0] % 4 if data else 0, _LIMITS)

    return Target("image", run, lambda: [b"\0" + file for file in seeds.images()])


def _oip() -> Target:
    service = _Service(plain_model(Engine(), _BATCHING))
    made = InferenceService(service.pipeline, service.observations, SharedMemory(True)).service()
    method = made.methods["ModelInfer"].answer
    return Target("oip", lambda data: service.answer(method, data), seeds.oip_requests)


def _tfs(name: str, model: LoadedModel, begin: Callable[[], list[bytes]]) -> Target:
    service = _Service(model)
    prediction, _ = TensorFlowService(service.pipeline, _LIMITS).services()
    method = prediction.methods[name].answer
    return Target(f"tfs-{name.lower()}", lambda data: service.answer(method, data), begin)


def _typed() -> Target:
    service = _Service(nerve_model(Engine(), _BATCHING))
    method = ImagingService(service.pipeline, _LIMITS).service().methods["Segment"].answer
    return Target("segment", lambda data: service.answer(method, data), seeds.segment_requests)


TARGETS: dict[str, Callable[[], Target]] = {
    "image": _image,
    "oip": _oip,
    "tfs-predict": lambda: _tfs(
        "Predict", plain_model(Engine(), _BATCHING), seeds.predict_requests
    ),
    "tfs-classify": lambda: _tfs("Classify", _chest_model(), seeds.classify_requests),
    "segment": _typed,
}
