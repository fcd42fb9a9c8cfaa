"""What the images hold: programs, secrets, caches, licences, size; and an SBOM of each."""

import json
import re
import subprocess
import tarfile

import pytest
from build_images import ROOT, tag
from podman_engine import environment, podman

TOOLS = str(ROOT / "build/clients/images/bin/python")
MEGABYTE = 1e6
# docs/deploy.md states these.
LARGEST = {"cpu": 700, "cpu-litert": 450, "cpu-openvino": 450, "edge-tpu": 450, "jetson-nano": 450}
COMPILERS = re.compile(r"(^|/)s?bin/(gcc|cc|g\+\+|clang|ld|as|make|cmake|rustc|go)(-[\d.]+)?$")
INSTALLERS = re.compile(r"(^|/)s?bin/(pip|pip3|uv|conda|npm|git|curl|wget|ssh|gdb)$")
CACHES = re.compile(
    r"^(root/\.cache|var/lib/apt/lists/.+_|var/cache/apt/archives/.+\.deb$|.*\.whl$|build/|wheels/)"
)
SECRETS = re.compile(
    r"\.(key|p12|pfx)$|(^|/)(\.netrc|\.npmrc|pip\.conf|id_rsa|tokens)$|certificates\.pem$"
)
PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s")


@pytest.fixture(scope="module", params=["cpu", "edge-tpu", "nvidia", "loadtest", "collector"])
def listing(request, images):
    """Name, size and type of each file of an image."""
    return request.param, list(files_of(request.param))


def files_of(image):
    """The members of an image's whole tree, with their first bytes."""
    name = podman("create", tag(image)).stdout.strip()
    command = ["podman", "export", name]
    try:
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            for member in archive:
                head = archive.extractfile(member).read(4096) if member.isreg() else b""
                yield member, head
        assert export.returncode == 0
    finally:
        podman("rm", name)


def test_no_compiler_no_installer_no_secret_no_cache(listing):
    image, files = listing
    # What was mounted for the build leaves an empty file where it was.
    names = [m.name for m, _ in files if not m.isdir() and (m.size or not m.isreg())]
    assert f"opt/wattscan/bin/{'locust' if image == 'loadtest' else 'wattscan'}" in names
    for what in (COMPILERS, INSTALLERS, SECRETS, CACHES):
        assert [name for name in names if what.search(name)] == []
    assert [m.name for m, head in files if PRIVATE.search(head)] == []


def test_nothing_of_ours_runs_as_another_user(listing):
    _, files = listing
    mine = [m for m, _ in files if m.name.startswith(("opt/wattscan", "models"))]
    assert [m.name for m in mine if m.mode & 0o6000] == []
    # Nothing that the service's user could change.
    assert [m.name for m in mine if m.uid == 10001 or (m.mode & 0o002 and not m.issym())] == []


@pytest.mark.parametrize("image", LARGEST)
def test_an_image_is_small_enough(images, image):
    size = int(podman("inspect", "--format", "{{.Size}}", tag(image)).stdout)
    assert size < LARGEST[image] * MEGABYTE


@pytest.mark.parametrize("image", ("cpu", "edge-tpu", "nvidia", "loadtest", "collector"))
def test_an_sbom_names_all_that_is_shipped_and_its_licence(images, image, tmp_path):
    out = tmp_path / "sbom.json"
    command = [TOOLS, str(ROOT / "docker/sbom.py"), "--image", tag(image), "--out", str(out)]
    subprocess.run(command, check=True, env={**environment(), "CONTAINER_ENGINE": "podman"})
    bom = json.loads(out.read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", tag(image))
    parts = {part["name"]: part for part in bom["components"]}
    ours = {"wattscan", "numpy", "libc6", "python3.11-minimal", "prometheus-client"}
    assert ours <= parts.keys()
    assert parts["libc6"]["purl"].startswith("pkg:deb/debian/libc6@")
    assert parts["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    unlicensed = [name for name, part in parts.items() if not part.get("licenses")]
    assert unlicensed == []


def test_our_own_licence_is_in_each_image(listing):
    _, files = listing
    names = [member.name for member, _ in files]
    assert any(re.search(r"wattscan-[\d.]+\.dist-info/.*LICENSE$", name) for name in names)
