"""podman with a configuration and a storage of its own, under build/containers/."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "containers"
# crun fails where the kernel has both hierarchies of control groups, and systemd may not be there.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
# Nothing is asked of a registry: what is missing fails at once.
_REGISTRIES = """\
unqualified-search-registries = ["localhost"]
short-name-mode = "disabled"
"""


def environment(**more: str) -> dict[str, str]:
    """What podman and podman-compose are started with; writes the configuration that it names."""
    temporary = FOLDER / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    storage = f'[storage]\ndriver = "overlay"\ngraphroot = "{FOLDER / "storage"}"\n'
    # A path of its own for each clone, short enough for a socket's name.
    storage += f'runroot = "/run/wattscan-{hashlib.sha256(str(FOLDER).encode()).hexdigest()[:8]}"\n'
    return {
        **os.environ,
        "CONTAINERS_CONF": _written("containers.conf", _CONTAINERS),
        "CONTAINERS_REGISTRIES_CONF": _written("registries.conf", _REGISTRIES),
        "CONTAINERS_STORAGE_CONF": _written("storage.conf", storage),
        # Blobs are written there first, and may have a gigabyte.
        "TMPDIR": str(temporary),
        **more,
    }


def podman(
    *arguments: str | Path, timeout: float = 120, check: bool = True, env: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Run podman and give what it printed; with `check`, its errors are the test's."""
    done = subprocess.run(
        ["podman", *map(str, arguments)],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert not check or done.returncode == 0, f"podman {arguments}:\n{done.stdout}\n{done.stderr}"
    return done


def missing() -> str:
    """Which program the containers need and this machine lacks."""
    lacks = [name for name in ("podman", "runc") if shutil.which(name) is None]
    return f"{' and '.join(lacks)} (make container-packages)" if lacks else ""


def _written(name: str, text: str) -> str:
    path = FOLDER / name
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return str(path)
