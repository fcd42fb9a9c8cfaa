"""Whatever is wrong at the start ends with one clear line and a non-zero exit code."""

import hashlib
import json
import shutil
import socket
import subprocess

import pytest
from rig import TINY, TINY_MODEL

from commands import WATTSCAN


def run(*arguments):
    return subprocess.run([*WATTSCAN, *arguments], capture_output=True, text=True, timeout=60)


def assert_one_clear_line(done, *texts):
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("wattscan: ")
    for text in texts:
        assert text in lines[0]


@pytest.fixture
def models(nerve_only, tmp_path):
    return shutil.copytree(nerve_only, tmp_path / "models")


@pytest.mark.parametrize("command", ["serve", "bench"])
def test_a_missing_model_folder(command, tmp_path):
    done = run(command, "--models", str(tmp_path / "none"))
    assert_one_clear_line(done, "there is no model folder", "--models")


@pytest.mark.parametrize("command", ["serve", "bench"])
def test_an_unknown_target(command):
    assert_one_clear_line(run(command, "--target", "toaster"), "toaster", "cpu")


def test_a_malformed_target_file(tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text("title = [")
    assert_one_clear_line(run("serve", "--target", str(path)), "odd.toml", "not valid TOML")


def test_a_changed_model_file(models):
    (models / "nerve-ultrasound-fp32" / "1" / "model.onnx").write_bytes(b"changed")
    assert_one_clear_line(run("serve", "--models", str(models)), "is not the file")


def test_a_corrupt_model_file_that_its_card_describes(models):
    folder = models / "nerve-ultrasound-fp32"
    (folder / "1" / "model.onnx").write_bytes(b"corrupt")
    card = json.loads((folder / "card.json").read_text())
    for file in card["files"]:
        if file["format"] == "onnx":
            file["sha256"] = hashlib.sha256(b"corrupt").hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    assert_one_clear_line(run("serve", "--models", str(models)), "cannot load", "model.onnx")


@pytest.mark.parametrize("flag", ["--grpc-port", "--metrics-port"])
def test_a_port_in_use(flag, tmp_path):
    shutil.copytree(TINY_MODEL, tmp_path / TINY)
    other = "--metrics-port" if flag == "--grpc-port" else "--grpc-port"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(
            "serve", flag, str(taken.getsockname()[1]), other, "0", "--models", str(tmp_path)
        )
    assert_one_clear_line(done, "cannot listen", flag)


def test_a_port_that_is_none():
    done = run("serve", "--grpc-port", "99999")
    assert done.returncode == 2
    assert "99999 is not a port" in done.stderr


def test_an_unknown_task():
    assert_one_clear_line(run("bench", "--task", "toe-x-ray"), "toe-x-ray", "nerve-ultrasound")


def test_a_recording_that_is_not_there(tmp_path):
    assert_one_clear_line(run("collect", "--source", str(tmp_path / "none.om")), "none.om")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("bench", "--out", str(tmp_path / "file" / "runs"))
    assert_one_clear_line(done, "cannot write")


@pytest.mark.parametrize("command", ["", "serve", "bench", "collect", "models", "health"])
def test_help_is_there(command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert "usage: wattscan" in done.stdout
