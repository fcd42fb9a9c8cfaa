"""The launchd agent, with a stand-in for the two programs of macOS that its script calls."""

import plistlib
import subprocess

import pytest
from build_images import ROOT


@pytest.fixture
def mac(tmp_path):
    """A home, a checkout whose path needs care, and a record of launchctl's calls."""
    checkout = tmp_path / "me & you|<us>"
    (checkout / "docker").mkdir(parents=True)
    (checkout / "docker/macos").symlink_to(ROOT / "docker/macos")
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/wattscan").write_text("#!/bin/sh\n")
    (checkout / ".venv/bin/wattscan").chmod(0o755)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("uname", "echo Darwin"), ("launchctl", f'echo "$@" >> "{tmp_path}/calls"')):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    env = {"HOME": str(tmp_path / "home"), "PATH": f"{programs}:/usr/bin:/bin"}

    def agent(*arguments):
        command = ["/bin/sh", checkout / "docker/macos/agent", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    return agent, checkout, tmp_path


def test_it_is_installed_and_removed(mac):
    agent, checkout, folder = mac
    done = agent("install")
    assert done.returncode == 0, done.stderr
    plist = folder / "home/Library/LaunchAgents/wattscan.plist"
    told = plistlib.loads(plist.read_bytes())
    program = [f"{checkout}/.venv/bin/wattscan", "serve", "--target", "apple-m1"]
    assert told["ProgramArguments"] == program
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["StandardErrorPath"] == f"{folder}/home/Library/Logs/wattscan.log"
    calls = (folder / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["bootout", "bootstrap"]
    assert calls[1].endswith(str(plist))
    assert agent("uninstall").returncode == 0
    assert not plist.exists()


def test_what_it_is_not_for_is_told(mac):
    agent, checkout, _ = mac
    (checkout / ".venv/bin/wattscan").unlink()
    assert "make setup" in agent("install").stderr
    assert agent().returncode == 2
    here = subprocess.run([ROOT / "docker/macos/agent", "install"], capture_output=True, text=True)
    assert here.returncode == 2
    assert "no Mac" in here.stderr
