"""The servers that are compared, and how each is set. docs/serving-benchmark.md says why."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.serving.networks import TASKS

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = Path("build/benchmark/peers")
"""Below the checkout: a virtual environment for each peer."""

BARE = "bare"
IN_PROCESS = "in-process"
WATTSCAN = "wattscan"
WATTSCAN_INSTANCES = 2
"""The target's `instances`: sessions that serve one model side by side. None: not set."""
# What clinical requests are decoded and resized with.
_IMAGING = ("numpy", "pillow", "pydicom")
_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
}


@dataclass(frozen=True)
class Spec:
    """A server, with one model, in one setting."""

    name: str
    protocols: tuple[str, ...]
    settings: str
    """For the reader of the table."""
    clinical: tuple[str, ...] = ()
    """Protocols that it takes DICOM frames through."""
    environment: str = ""
    """The peer's folder in `ENVIRONMENTS`; empty for Wattscan's own."""
    script: str = ""
    """The peer's script, in `peers/`."""
    instances: int = 2
    packages: tuple[str, ...] = ()
    """Whose versions the table names."""
    variables: dict[str, str] = field(default_factory=dict)

    def serves(self, model: str) -> tuple[str, ...]:
        """The protocols that the model is asked through."""
        return self.clinical if model in TASKS else self.protocols

    @property
    def python(self) -> Path:
        """The peer's interpreter."""
        return ROOT / ENVIRONMENTS / self.environment / "bin" / "python"


SPECS = (
    Spec(
        name=WATTSCAN,
        protocols=("oip", "oip-shm", "tfs"),
        settings=f"one process; instances: {WATTSCAN_INSTANCES}",
        packages=("wattscan", "onnxruntime", "grpcio"),
    ),
    Spec(
        name="wattscan-typed",
        protocols=("typed",),
        settings="the same, with the model as the task brain-mri: normalisation and mask included; "
        "or a clinical task's shipped model",
        clinical=("typed",),
        packages=("wattscan", "onnxruntime", "grpcio", *_IMAGING),
    ),
    Spec(
        name="triton",
        protocols=("oip", "oip-shm"),
        settings="tritonserver as nvidia-pytriton packages it, run directly; Python backend, "
        "2 instances, each a process; HTTP and metrics off",
        environment="pytriton",
        script="triton.py",
        clinical=("oip",),
        packages=("nvidia-pytriton", "onnxruntime", *_IMAGING),
    ),
    Spec(
        name="pytriton",
        protocols=("oip",),
        settings="the same binary through PyTriton's `bind`, 2 callables, no batching",
        environment="pytriton",
        script="pytriton_bind.py",
        packages=("nvidia-pytriton", "onnxruntime"),
    ),
    Spec(
        name="kserve",
        protocols=("oip",),
        settings="ModelServer, 2 sessions in one process, each run in a thread; latency log off",
        environment="kserve",
        script="kserve_sdk.py",
        packages=("kserve", "onnxruntime", "grpcio"),
    ),
    Spec(
        name="kserve-0",
        protocols=("oip",),
        settings="ModelServer, 1 session, run in the event loop; latency log off",
        environment="kserve",
        script="kserve_sdk.py",
        instances=0,
        packages=("kserve", "onnxruntime", "grpcio"),
    ),
    Spec(
        name="mlserver",
        protocols=("oip",),
        settings="parallel_workers 2, each a process with a session; debug and metrics off",
        environment="mlserver",
        script="mlserver_custom.py",
        packages=("mlserver", "onnxruntime", "grpcio"),
    ),
    Spec(
        name="mlserver-0",
        protocols=("oip",),
        settings="parallel_workers 0: 2 sessions in the server's process, each run in a thread",
        environment="mlserver",
        script="mlserver_custom.py",
        instances=0,
        packages=("mlserver", "onnxruntime", "grpcio"),
    ),
)


def with_malloc(spec: Spec) -> Spec:
    """The same with glibc told to keep freed memory, where each server is also run so."""
    return dataclasses.replace(
        spec,
        name=f"{spec.name}+malloc",
        settings=f"as {spec.name}, with {', '.join(f'{k}={v}' for k, v in _MALLOC.items())}",
        variables=_MALLOC,
    )
