"""Each image's lock has wheels for every processor that its stage is for."""

import re
import subprocess
import sys

import pytest
from build_images import ROOT

sys.path.insert(0, str(ROOT / "docs"))
from lock_images import LOCKS

UV = ROOT / "build/clients/images/bin/uv"
LOCKED = ROOT / "docker/locks"
CASES = [(name, machine) for name, lock in LOCKS.items() for machine in lock.machines]


def pins(name):
    text = (LOCKED / f"{name}.txt").read_text()
    return re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "machine"), CASES)
def test_wheels_exist(name, machine, tmp_path):
    """Resolved for that processor's Linux, from wheels alone, by the lock's hashes."""
    if not UV.exists():
        pytest.skip("uv is not installed: make build/clients/images/.ready")
    command = [UV, "--system-certs", "pip", "install", "--dry-run", "--target", tmp_path]
    command += [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "-r",
        LOCKED / f"{name}.txt",
    ]
    command += ["--python-version", LOCKS[name].python]
    command += ["--python-platform", f"{machine}-manylinux_2_36"]
    # Elsewhere: uv reads the settings of the project around it.
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count(" + ") >= len(pins(name)) - 1


def test_an_images_versions_are_those_that_are_tested():
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.M))
    for name in ("cpu-auto", "cpu-litert", "cpu-openvino", "loadtest", "collector"):
        for package, version in pins(name):
            assert tested.get(package, version) == version, f"{name}: {package}"
