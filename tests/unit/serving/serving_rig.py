"""A pipeline over one model whose engine the test holds in its hand."""

import threading
from contextlib import contextmanager
from typing import cast

import numpy as np
from prometheus_client import CollectorRegistry

from wattscan import plugins
from wattscan.contracts import Batching, ModelCard, ModelFile, Normalisation, TensorSpec
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.runner import ImageRunner, TensorRunner
from wattscan.serving.call import Call
from wattscan.serving.errors import NotServed
from wattscan.serving.jobs import ImageJob
from wattscan.serving.observations import Observations
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger, LedgerSource

FLOAT = np.dtype(np.float32)


class Engine:
    """Answers x > 0 with 1 and else with -1, when the gate is open."""

    provider = "test"
    inputs: tuple[TensorSpec, ...] = (TensorSpec("image", FLOAT, (-1, 4)),)
    outputs: tuple[TensorSpec, ...] = (TensorSpec("sign", FLOAT, (-1, 4)),)

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0
        self.batches = []
        self.error = None

    def infer(self, batch):
        self.calls += 1
        self.batches.append(len(batch))
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return np.where(batch > 0, 1.0, -1.0).astype(np.float32)

    def run(self, arrays):
        return [self.infer(arrays[0])]

    def close(self):
        pass


class OneModel:
    """A repository with one model in it."""

    def __init__(self, model):
        self.model = model

    def __iter__(self):
        return iter([self.model])

    @contextmanager
    def lease(self, name, version=None):
        yield self.get(name, version)

    def get(self, name, version=None):
        if name != self.model.name or version not in (None, self.model.version):
            raise NotServed(f"no such model is served here; there is: {self.model.name}")
        return self.model

    def versions(self, name):
        return [self.get(name).version]

    def close(self):
        self.model.close()


def plain_model(engine, batching, name="signs"):
    runner = TensorRunner(engine)
    return LoadedModel(
        name, 1, ModelConfig(batching), "test", ModelFile("onnx", None, "abc"), None, [engine],
        Batcher([runner], batching), engine.inputs, engine.outputs, True,
    )  # fmt: skip


def nerve_model(engine, batching):
    card = ModelCard(
        "nerve-ultrasound", "int8", "1", "test", Normalisation(100.0, 50.0), (), (), {}
    )
    image = TensorSpec("image", FLOAT, (-1, 80, 112, 1))
    mask = TensorSpec("mask", FLOAT, (-1, 80, 112, 1))
    return LoadedModel(
        card.name, 1, ModelConfig(batching), "test", ModelFile("onnx", None, "abc"),
        Clinical(plugins.task(card.task), card), [engine],
        Batcher([ImageRunner(engine)], batching), (image,), (mask,), True,
    )  # fmt: skip


class Rig:
    def __init__(self, **batching):
        self.engine = Engine()
        self.ledger = Ledger()
        self.ledger.set_source(LedgerSource("counter", "chip"))
        self.model = nerve_model(self.engine, Batching(**{"queue_limit": 2, **batching}))
        self.registry = CollectorRegistry()
        self.observations = Observations(load_target("cpu"), self.registry)
        self.pipeline = Pipeline(
            cast(Repository, OneModel(self.model)), self.ledger, self.observations, 64
        )
        self.call = None

    def ask(self, pixels=None, name="nerve-ultrasound-int8", kind="segmentation", **call):
        def read(_windowed):
            if isinstance(pixels, Exception):
                raise pixels
            return np.full((420, 580), 200, np.uint8) if pixels is None else pixels

        made = Call("test", **call)
        self.call = made
        return self.pipeline.answer(name, None, ImageJob(kind, read), made)


def in_background(call):
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results
