"""Writes docker/locks/: what each image installs, with hashes, at requirements.txt's versions.

Images run on Linux alone, on x86-64 and, where `MACHINES` says so, on aarch64.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docker" / "locks"
HEADER = "# What an image installs. Made by `make lock`.\n"
BOTH = ("x86_64", "aarch64")
X86 = ("x86_64",)
CUDA_12 = (
    "nvidia-cublas-cu12==12.6.*", "nvidia-cuda-nvrtc-cu12==12.6.*",
    "nvidia-cuda-runtime-cu12==12.6.*", "nvidia-cufft-cu12==11.3.*", "nvidia-curand-cu12==10.3.*",
    # cuDNN 9.11 has dropped Pascal.
    "nvidia-cudnn-cu12==9.10.*",
)  # fmt: skip
PASCAL = "onnxruntime-gpu==1.20.*"
LEFT_OUT = {
    # A second copy of OpenVINO, which the images that need it have already.
    "onnxruntime-ep-openvino",
}


@dataclass(frozen=True)
class Lock:
    """One image's: extras of the package, packages beside them, processors, Python's version."""

    extras: tuple[str, ...]
    more: tuple[str, ...] = ()
    machines: tuple[str, ...] = BOTH
    python: str = "3.11"


LOCKS = {
    "build": Lock((), ("setuptools>=77", "wheel")),
    "cpu-auto": Lock(("openvino", "onnxruntime", "litert", "dicom")),
    "cpu-litert": Lock(("litert", "dicom")),
    "cpu-openvino": Lock(("openvino", "dicom")),
    "loadtest": Lock(("load",)),
    "collector": Lock(("load", "collector")),
    "nvidia-base": Lock(("nvidia", "dicom"), machines=X86),
    "nvidia-pip": Lock(("dicom",), ("onnxruntime-gpu[cuda,cudnn]>=1.31",), X86),
    "nvidia-pascal-base": Lock(("dicom",), (PASCAL,), X86),
    "nvidia-pascal-pip": Lock(("dicom",), (PASCAL, *CUDA_12), X86),
    "jetson-orin": Lock(("dicom",), ("coloredlogs", "flatbuffers", "sympy"), ("aarch64",), "3.10"),
}


def main() -> None:
    """Write them all, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or LOCKS:
        lock = LOCKS[name]
        print(f"docker/locks/{name}.txt", flush=True)
        found: dict[str, dict[str, list[str]]] = {}
        for machine in lock.machines:
            for pin, hashes in resolved(lock, machine).items():
                found.setdefault(pin, {})[machine] = hashes
        (FOLDER / f"{name}.txt").write_text(HEADER + "".join(_rows(found, lock.machines)))


def resolved(lock: Lock, machine: str) -> dict[str, list[str]]:
    """The hashes of each pin, such as `numpy==2.4.6`, on one processor's Linux."""
    with tempfile.TemporaryDirectory() as folder:
        needs, pins = Path(folder) / "needs.in", Path(folder) / "constraints.txt"
        needs.write_text("\n".join(lock.more) + "\n")
        pins.write_text("\n".join(_pins(lock)) + "\n")
        command = [str(ROOT / ".venv/bin/uv"), "pip", "compile", str(needs), "-c", str(pins)]
        if lock != LOCKS["build"]:
            command += [str(ROOT / "pyproject.toml")]
        command += [word for extra in lock.extras for word in ("--extra", extra)]
        command += ["--python-version", lock.python, "--generate-hashes", "--no-annotate"]
        command += ["--python-platform", f"{machine}-manylinux_2_36", "--no-header", "--quiet"]
        command += ["--no-emit-index-url"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return {
        entry.split()[0]: sorted(set(re.findall(r"--hash=(\S+)", entry)))
        for entry in re.split(r"\n(?=\S)", text)
        if "==" in entry.split("\n")[0] and entry.partition("==")[0] not in LEFT_OUT
    }


def _pins(lock: Lock) -> list[str]:
    """requirements.txt's versions, or the boards', without hashes."""
    file = "requirements-board.txt" if lock.python == "3.10" else "requirements.txt"
    lines = (ROOT / file).read_text().splitlines()
    return [line.rstrip(" \\") for line in lines if re.match(r"[\w.-]+==", line)]


def _rows(found: dict[str, dict[str, list[str]]], machines: tuple[str, ...]) -> list[str]:
    rows = []
    for pin in sorted(found):
        by_machine = found[pin]
        only = "" if len(by_machine) == len(machines) else _only(*by_machine)
        hashes = sorted({one for some in by_machine.values() for one in some})
        rows.append(" \\\n".join([pin + only, *(f"    --hash={one}" for one in hashes)]) + "\n")
    return rows


def _only(machine: str) -> str:
    return f" ; platform_machine == '{machine}'"


if __name__ == "__main__":
    main()
