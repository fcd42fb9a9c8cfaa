"""The Dockerfile, the scripts beside it, and compose, without running them."""

import json
import re
import subprocess

import pytest
import yaml
from build_images import ROOT, VERSION

from wattscan.targets import target_names

TOOLS = ROOT / "build/clients/images/bin"
DOCKER = ROOT / "docker"
STAGES = (
    "cpu",
    "edge-tpu",
    "jetson-nano",
    "jetson-orin",
    "nvidia",
    "nvidia-pascal",
    "loadtest",
    "collector",
)


def test_hadolint_finds_nothing():
    if not (TOOLS / "hadolint").exists():
        pytest.skip("hadolint is not installed: make build/clients/images/.ready")
    command = [str(TOOLS / "hadolint"), "--format", "json", str(DOCKER / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert json.loads(done.stdout) == []


def test_each_ignored_warning_is_the_one_that_we_mean():
    text = (DOCKER / "Dockerfile").read_text()
    # The digest of the base pins Debian: its versions leave the mirrors soon.
    assert set(re.findall(r"hadolint ignore=(\S+)", text)) == {"DL3008"}


def test_a_stage_for_each_image_and_its_target_exists():
    text = (DOCKER / "Dockerfile").read_text()
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)
    assert set(STAGES) <= set(stages)
    targets = set(re.findall(r"WATTSCAN_TARGET=([\w-]+)", text))
    assert targets <= set(target_names())
    assert f"ARG VERSION={VERSION}" in text


def test_every_script_is_sound_for_a_posix_shell():
    scripts = [DOCKER / "install-packages", DOCKER / "site-secrets", DOCKER / "edge-tpu-delegate"]
    for script in [*scripts, DOCKER / "macos/agent"]:
        assert script.stat().st_mode & 0o111
        subprocess.run(["dash", "-n", script], check=True)


def compose(name):
    return yaml.safe_load((DOCKER / name).read_text())


def test_compose_has_least_privilege():
    services = compose("compose.yaml")["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith(("/", "${WATTSCAN_HOST_SYS", "./")):
                assert volume.endswith(":ro"), f"{name}: {volume}"
        for port in service.get("ports", ()):
            # What opens the service to clients opens no page without a password.
            variable = "WATTSCAN_BIND" if name in STAGES[:6] else "WATTSCAN_BIND_TOOLS"
            assert port.startswith(f"${{{variable}:-127.0.0.1}}:"), f"{name}: {port}"


def test_compose_has_the_images_of_this_version_and_a_profile_for_each_target():
    services = compose("compose.yaml")["services"]
    ours = {name: one for name, one in services.items() if one["image"].startswith("wattscan/")}
    assert {one["image"].rpartition(":")[2] for one in ours.values()} == {VERSION}
    assert {one["pull_policy"] for one in ours.values()} == {"never"}
    for name in STAGES[:6]:
        assert ours[name]["profiles"] == [name]
        assert ours[name]["build"]["target"] == name
    secured = compose("compose.secure.yaml")["services"]
    assert set(STAGES[:6]) < set(secured)
    assert not set(secured) - set(services)


def test_site_secrets_refuse_what_is_no_name(tmp_path):
    for wrong in ("a b", "-x", "$(id)", "name/../x"):
        command = [DOCKER / "site-secrets", "--folder", tmp_path / "site", wrong]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert not (tmp_path / "site/server.pem").exists()


def test_site_secrets_make_no_second_authority(tmp_path):
    folder = tmp_path / "a site"
    command = [DOCKER / "site-secrets", "--folder", folder]
    subprocess.run(command, check=True, capture_output=True)
    authority = (folder / "ca.pem").read_bytes()
    # It is kept elsewhere, as the script advises.
    (folder / "ca.key").unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "put the key back" in done.stderr
    assert (folder / "ca.pem").read_bytes() == authority


def test_site_secrets_renew_the_certificate_and_keep_the_rest(tmp_path):
    folder = tmp_path / "site"
    command = [DOCKER / "site-secrets", "--folder", folder, "edge1.example", "192.0.2.7", "fe80::1"]
    subprocess.run(command, check=True, capture_output=True)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    subprocess.run(command, check=True, capture_output=True)
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"server.pem", "server.key"}
    assert (folder / "tokens").stat().st_mode & 0o777 == 0o400
    shown = subprocess.run(
        ["openssl", "x509", "-in", folder / "server.pem", "-noout", "-ext", "subjectAltName"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in ("DNS:edge1.example", "IP Address:192.0.2.7", "DNS:localhost", "127.0.0.1", "FE80"):
        assert name in shown
