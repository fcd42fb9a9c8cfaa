"""`check-energy` on a repository of its own, whose service takes a known time for each image."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.alone]

ROOT = Path(__file__).parents[2]
TASK = "nerve-ultrasound"
PIPELINE = Path("services/wattscan/serving/pipeline.py")
# The service computes for a known time, and nothing else takes much energy: what runs beside it
# changes little of that, so that the short windows scatter little.
FAST, SLOW = 0.2, 0.4
WORK = """
def _work():
    end = time.thread_time() + {seconds}
    while time.thread_time() < end:
        pass
"""
TARGET = """
title = "A machine that takes next to nothing when it is idle"
sample_interval_seconds = 0.05
queue_limit = 64
[batching]
max_batch_size = 1
queue_delay_seconds = 0.0
[backend]
name = "onnxruntime"
threads = 1
[[sensors]]
name = "cpu_model"
idle_watts_per_core = 0.05
busy_watts_per_core = 10.0
uncertainty_ratio = 0.5
"""


def write(root, seconds):
    """The service's code, each image made to compute for so much longer."""
    text = (ROOT / PIPELINE).read_text()
    begin = 'stages.begin("postprocess")\n'
    assert text.count(begin) == 1
    text = text.replace(begin, f"{begin}                _work()\n")
    (root / PIPELINE).write_text(text + WORK.format(seconds=seconds))


def shorten(root, file, old, new):
    path = root / "services" / "wattscan" / file
    text, count = re.subn(old, new, path.read_text())
    assert count == 1
    path.write_text(text)


def git(root, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Wattscan with one model and windows of seconds; its HEAD is the fast one."""
    root = tmp_path_factory.mktemp("repository")
    for name in ("services", "loadtest"):
        without = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, root / name, ignore=without)
    shutil.copytree(ROOT / "models" / f"{TASK}-fp32", root / "models" / f"{TASK}-fp32")
    for name in ("requirements.txt", "Makefile", ".gitignore"):
        shutil.copy(ROOT / name, root)
    short = '"check": Profile(idle=0.6, warmup=0.6, load=4.0, cooldown=0.2, repeats=4),'
    shorten(root, "profiles.py", r'"check": .*', short)
    shorten(root, "bench/part.py", r"(_TARGET_SCRAPE_SECONDS) = 1.0", r"\1 = 0.2")
    shorten(root, "bench/part.py", r"(_GENERATOR_SCRAPE_SECONDS) = 5.0", r"\1 = 0.5")
    write(root, FAST)
    (root / "steady.toml").write_text(TARGET)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "m")
    return root


def check(root, temporary, *more):
    """Once more where the repeats vary, as the command says: the machine had other work."""
    for attempt in range(3):
        folder = temporary / str(attempt)
        folder.mkdir()
        done = check_once(root, folder, *more)
        if done.returncode != 2:
            break
        assert "invalid (repeats_vary)" in done.stdout, done.stdout + done.stderr
        assert "measure again what is invalid" in done.stderr
    return done


def check_once(root, temporary, *more):
    command = [sys.executable, "-m", "wattscan.bench.check_energy", "--base", "HEAD"]
    command += ["--target", "steady.toml", "--out", str(temporary / "runs"), *more]
    env = {**os.environ, "PYTHONPATH": str(root / "services"), "TMPDIR": str(temporary)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=root, timeout=300)
    assert (temporary / "runs").is_dir(), done.stderr
    names = sorted(path.name.rpartition("-")[2] for path in (temporary / "runs").iterdir())
    assert names == ["base", "head"]
    assert {path.name for path in temporary.iterdir()} == {"runs"}, "the code is gone"
    return done


def test_the_same_code_is_not_worse(repository, tmp_path):
    done = check(repository, tmp_path, "--head", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    turns = re.findall(r"^Turn \d of 8: (\w+), ", done.stderr, re.MULTILINE)
    assert turns == ["base", "head", "head", "base", "head", "base", "base", "head"]
    assert "no difference shown" in done.stdout
    assert done.stderr.endswith("nothing is shown to be worse beyond its threshold.\n")


def test_a_costlier_work_tree_is_worse(repository, tmp_path):
    write(repository, SLOW)
    done = check(repository, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"gross.* beyond the threshold of 5 %", done.stdout)
    assert "head, the work tree (" in done.stderr and "and changes)" in done.stderr
