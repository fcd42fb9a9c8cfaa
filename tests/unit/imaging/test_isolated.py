"""GDCM works in a child process: its end is a refusal, and the next file has a new child."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.pixels.utils import pixel_array

from wattscan import imaging
from wattscan.contracts import InvalidImage, Limits
from wattscan.imaging import dicom, isolated

pytest.importorskip("gdcm")

LIMITS = Limits(max_bytes=1024 * 1024, max_pixels=1_000_000)
LOSSLESS = "SC_rgb_jpeg_gdcm.dcm"
FILES = (
    LOSSLESS, "MR_small_jpeg_ls_lossless.dcm", "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm",
)  # fmt: skip
READ = "from pathlib import Path; import sys; from wattscan.imaging import decode, isolated\n"


def data_of(name):
    return Path(get_testdata_file(name)).read_bytes()


def deadly():
    """A JPEG lossless file of a precision that GDCM's libraries were not built for."""
    data = bytearray(data_of(LOSSLESS))
    data[data.find(b"\xff\xc3") + 4] = 40
    return bytes(data)


@pytest.fixture
def decoder():
    decoder = isolated.Decoder()
    yield decoder
    decoder.close()


@pytest.fixture(autouse=True, scope="module")
def _end():
    yield
    imaging.close()


def gone(pid, seconds=10.0):
    """Whether the process ends, or is left for its parent to reap, within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("name", FILES)
def test_the_pixels_are_those_of_a_decoder_in_this_process(name, decoder):
    here = pixel_array(pydicom.dcmread(get_testdata_file(name)), index=0)
    there = decoder.decode(data_of(name), 0, LIMITS)
    assert (there.dtype, there.flags.writeable) == (here.dtype, True)
    np.testing.assert_array_equal(there, here)


def test_the_childs_end_is_a_refusal_and_the_next_file_is_decoded():
    for _ in range(3):
        with pytest.raises(InvalidImage) as refusal:
            imaging.decode(deadly())
        assert str(refusal.value).endswith(", and are truncated or corrupt")
        assert "compressed as JPEG Lossless" in str(refusal.value)
        assert imaging.decode(data_of(LOSSLESS)).shape == (100, 100, 3)


def test_there_is_no_child_before_the_first_use_and_one_for_all(decoder):
    assert decoder.pid is None
    decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    first = decoder.pid
    decoder.decode(data_of(FILES[1]), 0, LIMITS)
    assert decoder.pid == first
    decoder.close()
    assert gone(first) and decoder.pid is None
    assert decoder.decode(data_of(LOSSLESS), 0, LIMITS).shape == (100, 100, 3)


def test_a_child_that_died_idle_costs_no_image(decoder):
    decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    os.kill(decoder.pid, signal.SIGKILL)
    assert gone(decoder.pid)
    assert decoder.decode(data_of(LOSSLESS), 0, LIMITS).shape == (100, 100, 3)


def test_it_outlives_the_thread_that_first_used_it(decoder):
    thread = threading.Thread(target=decoder.decode, args=(data_of(LOSSLESS), 0, LIMITS))
    thread.start()
    thread.join()
    first = decoder.pid
    time.sleep(0.2)
    decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    assert decoder.pid == first


def test_the_groups_signals_do_not_end_it(decoder):
    decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    child = psutil.Process(decoder.pid)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    assert decoder.pid == child.pid
    assert os.getpgid(child.pid) != os.getpgid(0)


def test_a_frame_that_takes_too_long_is_refused():
    decoder = isolated.Decoder(seconds=0.5)
    stopped = isolated.Decoder()
    stopped.decode(data_of(LOSSLESS), 0, LIMITS)
    decoder._process, stopped._process = stopped._process, None
    pid = decoder.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(isolated.DecoderEnded):
        decoder.decode(data_of(LOSSLESS), 0, LIMITS)
    assert gone(pid) and decoder.pid is None


def test_many_threads_take_turns(decoder):
    shapes = []
    threads = [
        threading.Thread(
            target=lambda: shapes.append(decoder.decode(data_of(LOSSLESS), 0, LIMITS).shape)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(100, 100, 3)] * 8


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_it_ends_with_its_parent(end):
    code = READ + (
        "decode(Path(sys.argv[1]).read_bytes())\nprint(isolated.DECODER.pid, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, get_testdata_file(LOSSLESS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        # Stopped, it cannot see the end of its pipe: the kernel has to end it.
        os.kill(child, signal.SIGSTOP)
        if end == "kill":
            parent.kill()
        else:
            parent.stdin.close()
        assert parent.wait(10) == (-signal.SIGKILL if end == "kill" else 0)
    assert gone(child)


def test_its_death_prints_nothing(tmp_path):
    path = tmp_path / "deadly.dcm"
    path.write_bytes(deadly())
    code = READ + (
        "try:\n    decode(Path(sys.argv[1]).read_bytes())\n"
        "except Exception as error:\n    print(type(error).__name__)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("InvalidImage\n", "", 0)


def test_it_imports_no_server():
    code = "import sys; import wattscan.imaging.isolated; print('grpc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_without_a_decoder_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setattr(dicom, "_has_decoder", lambda syntax: False)
    monkeypatch.setattr(dicom, "pixel_array", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(dicom, "find_spec", lambda name: None)
    with pytest.raises(InvalidImage, match="no decoder is installed: pip install"):
        imaging.decode(data_of(LOSSLESS))


@pytest.mark.parametrize("name", ["SC_rgb_rle_32bit.dcm", "GDCMJ2K_TextGBR.dcm"])
def test_run_lengths_are_not_taken_for_another_format_nor_sloppy_streams_refused(name):
    assert imaging.decode(data_of(name)).shape[2] == 3


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(st.tuples(st.floats(0.2, 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_changed_bytes_are_an_image_or_a_refusal(name, edits):
    data = bytearray(data_of(name))
    for where, what in edits:
        data[min(int(where * len(data)), len(data) - 1)] = what
    with contextlib.suppress(InvalidImage):
        assert imaging.decode(bytes(data), 0, LIMITS).ndim in (2, 3)
