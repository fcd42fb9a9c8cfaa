"""Whatever is wrong at the start ends with one clear line and a non-zero exit code."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

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


LISTED = [*WATTSCAN, "models", "list"]


def test_a_terminal_without_the_sign_gets_its_number():
    code = "from wattscan.streams import open_streams; open_streams(); print('0.1 ± 0.01')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "0.1 \\xb1 0.01\n"), done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_what_it_does(closed):
    done = subprocess.run(
        f"exec {shlex.join(map(str, LISTED))} {closed}", shell=True, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr


def test_an_output_that_is_not_read_is_no_success():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(LISTED, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(LISTED, stdout=full, stderr=subprocess.PIPE, text=True)
    assert_one_clear_line(done, "No space left on device")


def test_signals_that_come_while_its_modules_are_imported_end_it_with_one_line():
    """The second comes while the first is told."""
    code = (
        "import os, signal, sys\n"
        "from wattscan import __main__\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'wattscan.bench':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "class Told:\n"
        "    def write(self, text):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        return sys.__stderr__.write(text)\n"
        "    def flush(self):\n"
        "        sys.__stderr__.flush()\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "sys.argv, sys.stderr = ['wattscan', 'bench'], Told()\n"
        "sys.exit(__main__.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "wattscan: interrupted\n")


@pytest.mark.parametrize("command", ["", "serve", "bench", "collect", "models", "health"])
def test_help_is_there(command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert "usage: wattscan" in done.stdout
