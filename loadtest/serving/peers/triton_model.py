"""The model of Triton's Python backend: an ONNX Runtime session."""

import json

import peer
import triton_python_backend_utils as backend


class TritonPythonModel:
    """An instance, in a process of its own."""

    def initialize(self, args):
        """Open the session."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._session = peer.session(parameters["file"]["string_value"])

    def execute(self, requests):
        """Answer each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        image = backend.get_input_tensor_by_name(request, "image").as_numpy()
        (logits,) = self._session.run(None, {"image": image})
        return backend.InferenceResponse(output_tensors=[backend.Tensor("logits", logits)])
