"""Builds the images with podman, from docker/Dockerfile alone (make container-images).

No registry is asked: the base is made here with debootstrap, under the Dockerfile's name for it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import tomllib
from podman_engine import FOLDER, ROOT, environment, missing, podman

SUITE = "bookworm"
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
IMAGES = {
    "cpu": ("cpu", "ENGINES=auto"),
    "cpu-litert": ("cpu", "ENGINES=litert"),
    "cpu-openvino": ("cpu", "ENGINES=openvino"),
    "edge-tpu": ("edge-tpu",),
    "jetson-nano": ("jetson-nano",),
    # The base that has CUDA is not available here, and the libraries as packages have 3 GB: the
    # service starts without either, and says so.
    "nvidia": ("nvidia", "CUDA=base"),
    "loadtest": ("loadtest",),
    "collector": ("collector",),
}
"""The name of each image: the Dockerfile's stage, and arguments of its build."""


def main() -> None:
    """Build those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="*", help=f"some of {', '.join(IMAGES)} (default: all)")
    names = parser.parse_args().image or list(IMAGES)
    if missing():
        sys.exit(f"Not installed: {missing()}.")
    make_base()
    for name in names:
        build(name)


def tag(name: str) -> str:
    """What the image is called here and in docker/compose.yaml."""
    return f"localhost/wattscan/{name}:{VERSION}"


def base_name() -> str:
    """The Dockerfile's base."""
    found = re.search(r"^ARG BASE=(\S+)", (ROOT / "docker/Dockerfile").read_text(), re.MULTILINE)
    assert found, "docker/Dockerfile has no ARG BASE"
    return found[1]


def make_base() -> None:
    """Import a minimal Debian under the base's name, unless it is there."""
    if podman("image", "exists", base_name(), check=False).returncode == 0:
        return
    archive = FOLDER / f"{SUITE}.tar"
    if not archive.exists():
        print(f"Making a base image of Debian {SUITE}: one to two minutes.", flush=True)
        root = FOLDER / "root"
        shutil.rmtree(root, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", SUITE, str(root)]
        _run([*command], FOLDER / "debootstrap.log")
        _slim(root)
        part = archive.with_suffix(".part")
        kept = ["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*"]
        _run(["tar", "-C", root, *kept, "-cf", part, "."], FOLDER / "tar.log")
        part.rename(archive)
        shutil.rmtree(root)
    podman("import", archive, base_name(), timeout=300)


def _slim(root: Path) -> None:
    """What Debian's slim images leave out: manuals and translations, and no licence."""
    for folder in ("man", "info", "locale", "lintian"):
        shutil.rmtree(root / "usr/share" / folder, ignore_errors=True)
    for file in (root / "usr/share/doc").rglob("*"):
        if file.name != "copyright" and not file.is_dir():
            file.unlink()


def build(name: str) -> None:
    """Build one image; prints how long it took. Ends the program with the log where it fails."""
    stage, *arguments = IMAGES[name]
    began = time.monotonic()
    print(f"{tag(name)} ...", end=" ", flush=True)
    command = ["podman", "build", "--format", "docker", "--pull=never"]
    command += ["--network", "host", "--target", stage]
    command += [word for one in arguments for word in ("--build-arg", one)]
    command += ["--build-arg", f"VERSION={VERSION}", "-f", str(ROOT / "docker/Dockerfile")]
    command += [word for mount in _pip_mounts() for word in ("--volume", mount)]
    _run([*command, "-t", tag(name), str(ROOT)], FOLDER / f"build-{name}.log")
    print(f"{time.monotonic() - began:.0f} s", flush=True)


def _pip_mounts() -> list[str]:
    """This machine's way to the packages, for the time of a build: certificates, pip's settings."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r"^\S+\.(cert|index-url|proxy|trusted-host)='(.*)'$", listed, re.MULTILINE)
    settings = {key: value for key, value in found if "file:" not in value}
    mounts = []
    certificates = settings.pop("cert", None)
    if certificates:
        settings["cert"] = "/run/certificates.pem"
        mounts += [f"{Path(certificates).resolve()}:/run/certificates.pem:ro"]
    path = FOLDER / "pip.conf"
    path.write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    return [*mounts, f"{path}:/etc/pip.conf:ro"]


def _run(command: list[str | Path], log: Path) -> None:
    with log.open("wb") as file:
        done = subprocess.run(command, env=environment(), stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{log.read_text(errors='replace')[-6000:]}\n{command[0]} failed: {log}")


if __name__ == "__main__":
    main()
