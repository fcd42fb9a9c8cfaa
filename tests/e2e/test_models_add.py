"""`wattscan models add`: a service that runs has the model by itself, with its score."""

import subprocess
import time
import urllib.request

from rig import TINY_MODEL

from commands import WATTSCAN
from wattscan.wire import open_inference_pb2 as oip


def ready(service):
    index = service.oip.RepositoryIndex(oip.RepositoryIndexRequest(ready=True))
    return {model.name for model in index.models}


def test_a_service_that_runs_loads_it(start, models):
    service = start("--poll", "0.2")
    assert ready(service) == {"tiny"}
    score = ("--metric", "dice", "--score", "0.9", "--dataset", "ours")
    command = [*WATTSCAN, "models", "add", str(TINY_MODEL / "1" / "model.onnx"), "--name", "lesion"]
    done = subprocess.run(
        [*command, "--models", str(models), "--licence", "MIT", *score],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "lesion-fp32" in done.stderr
    deadline = time.monotonic() + 60
    while "lesion-fp32" not in ready(service) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ready(service) == {"tiny", "lesion-fp32"}
    with urllib.request.urlopen(service.ready["metrics"], timeout=10) as page:
        text = page.read().decode()
    (line,) = (x for x in text.splitlines() if x.startswith("wattscan_model_quality_ratio{"))
    assert 'dataset="ours"' in line and 'task="lesion"' in line and line.endswith(" 0.9")
    listed = subprocess.run(
        [*WATTSCAN, "models", "list", "--models", str(models)], capture_output=True, text=True
    )
    assert "lesion" in listed.stdout
