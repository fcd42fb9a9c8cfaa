"""Wattscan's model repositories and target for the benchmark, written anew for each server."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from loadtest.serving import networks
from loadtest.serving.servers import ROOT, WATTSCAN_INSTANCES

_TARGET = ROOT / "services" / "wattscan" / "targets" / "cpu.toml"
_BACKEND = """\
[backend]
name = "onnxruntime"
provider = "cpu"
threads = 1
"""
_ONE_INSTANCE = "instances = 1"


def write_target(folder: Path) -> Path:
    """The shipped target `cpu` with another backend: the one that the peers have.

    Raises: BenchmarkError, if the shipped target has not the form that this relies on.
    """
    before, mark, rest = _TARGET.read_text(encoding="utf-8").partition("[backend]\n")
    _, sensors, after = rest.partition("[[sensors]]\n")
    if not (mark and sensors):
        raise networks.BenchmarkError("targets/cpu.toml has no [backend] before its [[sensors]]")
    if _ONE_INSTANCE not in before:
        raise networks.BenchmarkError(f"targets/cpu.toml has no {_ONE_INSTANCE!r}")
    before = before.replace(_ONE_INSTANCE, f"instances = {WATTSCAN_INSTANCES}")
    target = folder / "benchmark.toml"
    target.write_text(f"{before}{_BACKEND}\n{sensors}{after}", encoding="utf-8")
    return target


def write_plain(folder: Path, model: str) -> Path:
    """A repository with one model, its tensors as the file says."""
    repository = folder / "models"
    _place(repository / model, model)
    (repository / model / "model.toml").touch()
    return repository


def write_task(folder: Path, model: str) -> Path:
    """A repository where the network serves the task brain-mri in FP32; a task's shipped model, as
    it is."""
    repository = folder / "models"
    if model in networks.TASKS:
        shipped = networks.path(model)
        shutil.copytree(shipped, repository / shipped.name)
        return repository
    file = _place(repository / "brain-mri-fp32", model)
    card = {
        "task": "brain-mri",
        "precision": "fp32",
        "version": "1",
        "network": f"the benchmark's {model}",
        "input_shape": [networks.SIDE, networks.SIDE, 3],
        "normalisation": {"mean": 0.0, "std": 1.0},
        "quality": [],
        "files": [
            {
                "format": "onnx",
                "path": "1/model.onnx",
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
        ],
    }
    text = json.dumps(card, indent=2)
    (repository / "brain-mri-fp32" / "card.json").write_text(text, encoding="utf-8")
    return repository


def _place(folder: Path, model: str) -> Path:
    (folder / "1").mkdir(parents=True)
    file = folder / "1" / "model.onnx"
    shutil.copy(networks.path(model), file)
    return file
