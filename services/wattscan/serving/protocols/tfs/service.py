"""TensorFlow Serving's two services, as its stock client calls them."""

from __future__ import annotations

from wattscan.contracts import Limits
from wattscan.serving.call import Call
from wattscan.serving.errors import NotOffered
from wattscan.serving.messages import Message
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.tfs import models
from wattscan.serving.protocols.tfs.classify import classify
from wattscan.serving.protocols.tfs.predict import predict
from wattscan.serving.rpc import Method, Service
from wattscan.wire import tensorflow_serving_pb2 as pb

PROTOCOL = "tfs"
PREDICTION_SERVICE = pb.DESCRIPTOR.services_by_name["PredictionService"].full_name
MODEL_SERVICE = pb.DESCRIPTOR.services_by_name["ModelService"].full_name


class TensorFlowService:
    """Translates between messages and the pipeline."""

    def __init__(self, pipeline: Pipeline, limits: Limits) -> None:
        self._pipeline = pipeline
        self._limits = limits

    def services(self) -> list[Service]:
        """PredictionService and ModelService."""
        prediction = {
            "Predict": Method(self._predict, infers=True),
            "Classify": Method(self._classify, infers=True),
            "Regress": Method(self._regress),
            "MultiInference": Method(self._multi_inference),
            "GetModelMetadata": Method(self._metadata),
        }
        return [
            Service(PREDICTION_SERVICE, PROTOCOL, prediction),
            Service(MODEL_SERVICE, PROTOCOL, {"GetModelStatus": Method(self._status)}),
        ]

    def _predict(self, data: bytes, call: Call) -> list[Message]:
        return predict(data, call, self._pipeline, self._limits.max_bytes)

    def _classify(self, data: bytes, call: Call) -> bytes:
        return classify(data, call, self._pipeline, self._limits)

    def _regress(self, _data: bytes, _call: Call) -> bytes:
        raise NotOffered("no model here gives one number for an example: call Predict")

    def _multi_inference(self, _data: bytes, _call: Call) -> bytes:
        raise NotOffered("several tasks in one request are not offered: call Classify for each")

    def _metadata(self, data: bytes, _call: Call) -> bytes:
        return models.metadata(data, self._pipeline.models)

    def _status(self, data: bytes, _call: Call) -> bytes:
        return models.status(data, self._pipeline.models)
