"""What machine this is, as its kernel tells. It names no user and no host."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from wattscan import __version__
from wattscan.sysfs import read_label

_NVIDIA_MODULE = re.compile(r"Kernel Module[^0-9]*([0-9][0-9.]*)")


def machine_facts(proc: Path = Path("/proc"), sysfs: Path = Path("/sys")) -> dict[str, str]:
    """The labels of `wattscan_machine_info` without the target; "unknown" where nothing tells.

    `driver` is the GPU driver's version, "none" where there is no NVIDIA driver.
    """
    cpuinfo = read_label(proc / "cpuinfo")
    return {
        "processor": _processor(cpuinfo, proc),
        "cores": str(os.cpu_count() or "unknown"),
        "kernel": f"{platform.system()} {platform.release()}",
        "virtualization": _virtualization(cpuinfo, sysfs),
        "driver": _driver(proc),
        "python": platform.python_version(),
        "wattscan": __version__,
    }


def _processor(cpuinfo: str, proc: Path) -> str:
    for key in ("model name", "Model", "Hardware"):
        found = re.search(rf"^{key}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
        if found:
            return found[1].strip()
    board = read_label(proc / "device-tree" / "model").strip("\0")
    return board or platform.processor() or platform.machine() or "unknown"


def _virtualization(cpuinfo: str, sysfs: Path) -> str:
    """The hypervisor's or maker's name, `none` on bare metal."""
    if not cpuinfo:
        return "unknown"
    # x86 processors set this flag for their guests alone.
    if not re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE):
        return "none" if "flags" in cpuinfo else "unknown"
    maker = read_label(sysfs / "class" / "dmi" / "id" / "sys_vendor")
    kind = read_label(sysfs / "hypervisor" / "type")
    return f"virtual machine ({kind or maker})" if kind or maker else "virtual machine"


def _driver(proc: Path) -> str:
    version = read_label(proc / "driver" / "nvidia" / "version")
    found = _NVIDIA_MODULE.search(version)
    return f"NVIDIA {found[1]}" if found else "none"
