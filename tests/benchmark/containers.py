"""What the images weigh, how soon their service is ready, and what memory it takes with one model.

    make benchmark-containers

It prints the two tables of docs/deploy.md. Run it with nothing else running.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests/containers"), str(ROOT / "services"), str(ROOT / "tests")]

from box import Box  # noqa: E402
from build_images import IMAGES, tag  # noqa: E402
from podman_engine import podman  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402

import wattscan  # noqa: E402

FRAME = str(get_testdata_file("examples_ybr_color.dcm"))
STARTS, REQUESTS = 5, 50
SERVICES = ("cpu", "cpu-litert", "cpu-openvino", "jetson-nano")
ENGINES = ("openvino", "onnxruntime", "ai_edge_litert", "numpy", "numpy.libs", "grpc")
MEASURE = """
import json, os, pathlib
packages = next(pathlib.Path('/opt/wattscan/lib').glob('python3*/site-packages'))
def size(path):
    return sum(f.lstat().st_size for f in path.rglob('*') if f.is_file() and not f.is_symlink())
found = {one.name: size(one) for one in packages.iterdir() if one.is_dir()}
found['all'] = size(packages)
found['models'] = size(pathlib.Path('/models'))
print(json.dumps(found))
"""


def main() -> None:
    """Print both tables."""
    print("| image | MB | engines | numpy | gRPC | other packages | models | Python and Debian |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for image in IMAGES:
        print(room(image), flush=True)
    print(
        "\n| image | ready after, s | memory with one model, MB (limit 512) |\n| --- | --- | --- |"
    )
    for image in SERVICES:
        print(f"| `{image}` | {ready(image):.1f} | {memory(image):.0f} |", flush=True)


def room(image: str) -> str:
    """A row of what takes the room."""
    total = int(podman("inspect", "--format", "{{.Size}}", tag(image)).stdout)
    command = ("run", "--rm", "--entrypoint", "python3", tag(image), "-c", MEASURE)
    found = json.loads(podman(*command).stdout)
    engines = sum(found.get(name, 0) for name in ENGINES[:3])
    numpy = found.get("numpy", 0) + found.get("numpy.libs", 0)
    grpc = found.get("grpc", 0)
    rest = found["all"] - engines - numpy - grpc
    system = total - found["all"] - found["models"]
    parts = (total, engines, numpy, grpc, rest, found["models"], system)
    return f"| `{image}` | {' | '.join(f'{part / 1e6:.0f}' for part in parts)} |"


def ready(image: str) -> float:
    """The median of some starts, s: from `podman run` to the line that it serves all six models."""
    took = []
    for _ in range(STARTS):
        began = time.monotonic()
        box = Box(image)
        took.append(time.monotonic() - began)
        box.remove()
    return statistics.median(took)


def memory(image: str) -> float:
    """The most that a service of one model (chest X-ray, INT8) took for some requests, MB."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "models/chest-xray-int8", Path(folder) / "chest-xray-int8")
        Path(folder).chmod(0o755)
        box = Box(image, "--memory=512m", f"--volume={folder}:/models:ro")
        try:
            with wattscan.Client(box.grpc, timeout=60) as client:
                for _ in range(REQUESTS):
                    client.classify(FRAME, task="chest-xray", variant="int8")
            status = box.run("cat", "/proc/1/status")
        finally:
            box.remove()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
