"""The whole check of the models in the repository: what `wattscan models check` promises."""

import subprocess

import pytest

from commands import WATTSCAN

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1600)
def test_every_model_passes_in_every_engine(tmp_path):
    done = subprocess.run(
        [*WATTSCAN, "models", "check"], capture_output=True, text=True, cwd=tmp_path, timeout=1500
    )
    failed = [line for line in done.stdout.splitlines() if "  FAILED" in line]
    assert failed == []
    assert done.returncode == 0, done.stderr
    for engine in ("litert", "onnxruntime", "openvino"):
        assert done.stdout.count(f"  {engine} score") == 6, "three tasks, two precisions"
    assert done.stdout.count("  edge-tpu compiler ") == 3
