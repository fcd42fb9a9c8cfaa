"""Sensors that die or block, full disks, too few file descriptors, a wall clock that is set."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from rig import TINY_MODEL, code_of, oip_request, typed_request

from commands import WATTSCAN
from waiting import wait_until

pytestmark = pytest.mark.slow

HOUR = 3600
STEADY, UNSTEADY = 'sensor="steady"', 'sensor="unsteady"'


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("sensor-exit", "driver_error"),
        ("sensor-memory", "driver_error"),
        ("sensor-block", "blocked"),
    ],
)
@pytest.mark.parametrize("first", ["steady", "unsteady"])
def test_a_sensor_that_dies_or_blocks_takes_nothing_with_it(start_rig, first, fault, reason):
    rig = start_rig(sensor="unsteady", first=first)
    wait_until(lambda: rig.value("wattscan_power_watts", UNSTEADY) == 2)
    assert rig.value("wattscan_sensor_up") == 2
    rig.tell(fault)
    wait_until(lambda: rig.value("wattscan_sensor_up", UNSTEADY) == 0)
    began = time.monotonic()
    pages = [rig.page() for _ in range(5)]
    assert time.monotonic() - began < 20
    assert f'reason="{reason}",{UNSTEADY}' in pages[-1]
    assert not re.search(rf"wattscan_(energy_joules_total|power_watts)\{{.*{UNSTEADY}", pages[-1])
    assert rig.value("wattscan_sensor_up", STEADY) == 1
    before = rig.value("wattscan_energy_joules_total", STEADY)
    wait_until(lambda: rig.value("wattscan_energy_joules_total", STEADY) > before)
    rig.assert_well()
    rig.stop_telling(fault)
    wait_until(lambda: rig.value("wattscan_sensor_up", UNSTEADY) == 1)
    assert rig.value("wattscan_power_watts", UNSTEADY) == 2
    rig.assert_well()


def test_a_sensor_that_blocks_does_not_hold_up_the_end(start_rig):
    rig = start_rig("--grace", "5", typed=False, sensor="unsteady")
    rig.tell("sensor-block")
    wait_until(lambda: rig.value("wattscan_sensor_up", UNSTEADY) == 0)
    rig.process.send_signal(signal.SIGTERM)
    assert rig.process.wait(60) == 0


@pytest.mark.parametrize("fault", ["sensor-exit", "sensor-block"])
def test_a_sensor_that_fails_from_the_start_keeps_nothing_from_starting(start_rig, tmp_path, fault):
    (tmp_path / fault).touch()
    rig = start_rig(sensor="unsteady")
    assert rig.value("wattscan_sensor_up", UNSTEADY) == 0
    rig.assert_well()


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_full_disk_for_the_log_costs_the_log_and_nothing_else(start_rig, kind):
    options = ("--log-format", kind, "--log-requests", "yes")
    rig = start_rig(*options, stderr="/dev/full")
    rig.ask()
    files = rig.stats.num_fds()
    rig.tell("raise", "an error that is logged")
    for _ in range(20):
        assert code_of(lambda: rig.typed.Segment(typed_request(), timeout=60)) == "INTERNAL"
        assert code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=60)) == "INTERNAL"
    rig.stop_telling("raise")
    rig.assert_well(files)
    assert rig.stop() == 0


def test_a_full_disk_for_what_it_prints_is_one_line(tmp_path):
    shutil.copytree(TINY_MODEL, tmp_path / "tiny")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*WATTSCAN, "serve", "--grpc-port", "0", "--metrics-port", "0", "--models", tmp_path],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=30,
        )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("wattscan: ")
    assert os.strerror(errno.ENOSPC) in lines[0]
    assert done.returncode == 2


def processor_seconds(rig):
    times = rig.stats.cpu_times()
    return times.user + times.system


@contextmanager
def connections(address, count):
    """So many that say nothing."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(address, timeout=5))
        yield


def address_of(text):
    host, port = re.findall(r"([\d.]+):(\d+)", text)[0]
    return host, int(port)


@pytest.mark.parametrize("page_too", [False, True])
def test_too_few_file_descriptors_cost_new_connections_only(start_rig, page_too):
    rig = start_rig(real=True, prefix=["prlimit", "--nofile=160", "--"])
    rig.assert_well()
    files = rig.stats.num_fds()
    assert files < 100
    with connections(address_of(rig.ready["grpc"]), 300):
        wait_until(lambda: rig.stats.num_fds() >= 155)
        with connections(address_of(rig.ready["metrics"]), 4 if page_too else 0):
            used, began = processor_seconds(rig), time.monotonic()
            for _ in range(10):
                rig.ask()
                time.sleep(0.2)
            busy = (processor_seconds(rig) - used) / (time.monotonic() - began)
    wait_until(lambda: rig.stats.num_fds() <= files + 8, 20)
    rig.channel.close()
    rig.connect()
    rig.assert_well()
    assert "wattscan_sensor_up" in rig.page()
    assert busy < 0.5, "it runs in circles"


class Scraper(threading.Thread):
    """Reads the page again and again, and notes every counter that went backwards."""

    def __init__(self, rig):
        super().__init__()
        self.rig, self.seen, self.backwards, self.pages = rig, {}, [], 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.05):
            for line in self.rig.page().splitlines():
                name, _, value = line.rpartition(" ")
                if "_total{" in name or "_count{" in name or "_bucket{" in name:
                    if float(value) < self.seen.get(name, 0.0):
                        self.backwards.append(line)
                    self.seen[name] = float(value)
            self.pages += 1


@pytest.fixture
def faketime(need_program):
    need_program("faketime", "faketime")
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.fixture
def stepped(start_rig, faketime, tmp_path):
    """A service, and a function that sets its wall clock off by so many seconds."""
    stamp = tmp_path / "stamp"

    def step(seconds):
        # In one go: half a text would be another time.
        (tmp_path / "next").write_text(f"{seconds:+d}")
        (tmp_path / "next").rename(stamp)

    step(0)
    env = {"LD_PRELOAD": str(faketime), "FAKETIME_TIMESTAMP_FILE": str(stamp),
           "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    return start_rig(env=env, typed=True), step


def test_a_clock_that_is_set_changes_no_deadline(stepped):
    rig, step = stepped
    for seconds in (HOUR, 0, -HOUR, 0):
        rig.tell("hang")
        running = rig.oip.ModelInfer.future(oip_request(1), timeout=60)
        wait_until(lambda: 1 in rig.computed())
        began = time.monotonic()
        long = rig.oip.ModelInfer.future(oip_request(2), timeout=60)
        short = rig.oip.ModelInfer.future(oip_request(3), timeout=5)
        wait_until(lambda: rig.value("wattscan_queue_depth") == 2)
        step(seconds)  # while all three are in the server
        assert short.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert 4.5 < time.monotonic() - began < 30
        rig.stop_telling("hang")
        assert (running.result(60).id, long.result(10).id) == ("1", "2")
        (rig.folder / "calls").unlink()
        rig.assert_well()


def test_a_clock_that_is_set_under_load_refuses_nothing_and_turns_no_counter_back(stepped):
    rig, step = stepped
    ended, stopping = [], threading.Event()

    def hammer(send):
        while not stopping.is_set():
            ended.append(code_of(send))

    sends = [lambda: rig.typed.Segment(typed_request(), timeout=10),
             lambda: rig.oip.ModelInfer(oip_request(), timeout=10)] * 2  # fmt: skip
    scraper = Scraper(rig)
    threads = [scraper, *(threading.Thread(target=hammer, args=(send,)) for send in sends)]
    for thread in threads:
        thread.start()
    try:
        for seconds in (HOUR, 0, -HOUR, HOUR, -HOUR, 0) * 3:
            step(seconds)
            time.sleep(0.2)
        wait_until(lambda: scraper.pages > 5 and len(ended) > 20, 60)
    finally:
        scraper.stopping.set()
        stopping.set()
        for thread in threads:
            thread.join(30)
    assert scraper.backwards == []
    assert {code: ended.count(code) for code in ended} == {"OK": len(ended)}
    rig.assert_well()
