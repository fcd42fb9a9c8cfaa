"""How each protocol asks: what the service has, and ready-made requests for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loadtest.connection import Connection
from loadtest.protocols.open_inference import OpenInference
from loadtest.protocols.requests import Requests, Speaks, Subject
from loadtest.protocols.shared_memory import OpenInferenceSharedMemory
from loadtest.protocols.tensorflow_serving import TensorFlowServing
from loadtest.protocols.typed import Typed

__all__ = ["PROTOCOLS", "Requests", "Speaks", "Subject"]

PROTOCOLS: Mapping[str, Callable[[Connection], Speaks]] = {
    "wattscan.v1": Typed,
    "oip": OpenInference,
    "oip-shm": OpenInferenceSharedMemory,
    "tfs": TensorFlowServing,
}
