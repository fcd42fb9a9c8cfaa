"""The library itself: loading it, the GPUs that it shows, and what its errors mean."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from wattscan.contracts import SensorAbsent


def load() -> ModuleType:
    """The binding, with NVIDIA's library loaded. Raises: SensorAbsent."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError as error:
        raise SensorAbsent(f"pynvml is not installed: pip install nvidia-ml-py ({error})") from None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise SensorAbsent(_way_out(nvml, error)) from None
    return nvml


def gpus_of(nvml: ModuleType, wanted: Sequence[int | str] | None) -> dict[str, Any]:
    """Name, such as `gpu0` -> handle, of the GPUs that are wanted; None: of all.

    Raises: SensorAbsent: there is none, or not each that is wanted can be addressed.
    """
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise SensorAbsent(_way_out(nvml, error)) from None
    gpus: dict[str, Any] = {}
    others: list[str] = []
    missing = set(wanted or ())
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            others.append(f"{index} ({error})")
            continue
        uuid = _uuid(nvml, handle)
        if wanted is None or index in wanted or uuid in wanted:
            gpus[f"gpu{index}"] = handle
            missing -= {index, uuid}
        else:
            others.append(f"{index} ({uuid})")
    if missing or not gpus:
        raise SensorAbsent(_none(missing, others))
    return gpus


def _none(missing: set[int | str], others: Sequence[str]) -> str:
    there = ", ".join(others) or "none"
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        return (
            f"no GPU {names} that can be addressed; name whole GPUs, also where MIG divides them. "
            f"Not chosen or refused: {there}"
        )
    return (
        "the NVIDIA driver shows no GPU that can be addressed: in a container, pass one in "
        f"(--gpus all). Refused: {there}"
    )


def _uuid(nvml: ModuleType, handle: Any) -> str:
    try:
        return str(nvml.nvmlDeviceGetUUID(handle))
    except nvml.NVMLError:
        return ""


def _way_out(nvml: ModuleType, error: Any) -> str:
    ways = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "libnvidia-ml.so.1 is not here: install the NVIDIA "
        "driver; in a container, run it with the NVIDIA runtime (--gpus all)",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded: modprobe nvidia; "
        "in a container, load it on the host",
        nvml.NVML_ERROR_NO_PERMISSION: "the NVIDIA driver may not be used: grant this user "
        "/dev/nvidiactl and /dev/nvidia0",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was updated while it was "
        "loaded: reload it, or reboot",
    }
    default = f"the NVIDIA driver does not answer: {error} (NVML error {error.value})"
    return ways.get(error.value, default)


def reason(nvml: ModuleType, error: Any) -> str:
    """The word for the error counter."""
    reasons = {
        nvml.NVML_ERROR_GPU_IS_LOST: "gone",
        nvml.NVML_ERROR_NOT_SUPPORTED: "not_supported",
        nvml.NVML_ERROR_NO_PERMISSION: "permission",
    }
    return reasons.get(error.value, f"nvml_{error.value}")
