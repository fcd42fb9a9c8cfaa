"""Our messages and other people's of the same names in one process, with old and new releases."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from wattscan.installation import models_folder

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "clients" / "one_process.py"
PROTOBUF = {"lowest": "6.31.1", "triton": "6.33.6"}


@pytest.mark.parametrize("first", ["tritonclient", "wattscan"])
@pytest.mark.parametrize("environment", PROTOBUF)
def test_a_service_and_the_triton_client_in_one_process_talk(environment, first, tmp_path):
    python = ROOT / "build" / "clients" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"that environment is not installed: make clients-{environment}")
    model = "nerve-ultrasound-int8"
    shutil.copytree(models_folder() / model, tmp_path / model)
    done = subprocess.run(
        [python, PROGRAM, first, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert "error" not in answers, answers["error"]
    assert answers["protobuf"] == PROTOBUF[environment]
    assert answers["triton"] == answers["ours"]
    assert answers["metadata"] == model and answers["typed"] == 80
    assert "inference.GRPCInferenceService" in answers["services"]
    assert answers["reflected"] == ["GRPCInferenceService"]
