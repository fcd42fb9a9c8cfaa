import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import wait_until
from wattscan.bench.processes import Child

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"


def child(tmp_path, code):
    return Child("the child", [sys.executable, "-c", code], tmp_path / "log", os.environ)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def test_lines_come_through_and_stop_ends_it(tmp_path):
    process = child(tmp_path, SLEEP)
    process.start()
    assert process.line() == "ready"
    assert process.running
    process.stop()
    assert not process.running


def test_an_early_end_is_told_with_the_logs_last_line(tmp_path):
    process = child(tmp_path, "import sys; print('why it ended', file=sys.stderr); sys.exit(3)")
    process.start()
    assert process.line() is None
    text = str(process.failure())
    assert "exit code 3" in text
    assert "why it ended" in text
    process.stop()


def test_one_that_was_never_started_can_be_stopped(tmp_path):
    child(tmp_path, SLEEP).stop()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_killed_parent_leaves_no_child(tmp_path):
    parent = f"""
import os, sys
from pathlib import Path
from wattscan.bench.processes import Child
child = Child("c", [sys.executable, "-c", {SLEEP!r}], Path({str(tmp_path)!r}) / "log", os.environ)
child.start(); child.line(); print(child._process.pid, flush=True)
import time; time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    pid = int(process.stdout.readline())
    assert alive(pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_until(lambda: not alive(pid))
