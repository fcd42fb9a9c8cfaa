"""The model of Triton's Python backend for a clinical task: the bare pipeline's own steps."""

import json
import sys
from pathlib import Path

import triton_python_backend_utils as backend


class TritonPythonModel:
    """An instance, in a process of its own."""

    def initialize(self, args):
        """Open the engine."""
        parameters = json.loads(args["model_config"])["parameters"]
        file, checkout = (Path(parameters[name]["string_value"]) for name in ("file", "checkout"))
        # Triton's stub does not read PYTHONPATH.
        sys.path += [str(checkout), str(checkout / "services")]
        from loadtest.serving.clinical import ClinicalPipeline

        self._pipeline = ClinicalPipeline(file)

    def execute(self, requests):
        """Answer each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        file = backend.get_input_tensor_by_name(request, "dicom").as_numpy()
        answer, _ = self._pipeline.run(file.tobytes())
        return backend.InferenceResponse(output_tensors=[backend.Tensor("answer", answer)])
