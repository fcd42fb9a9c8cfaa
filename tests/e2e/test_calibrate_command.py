"""`wattscan sensors calibrate`, over a board whose sensor shows too little."""

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from commands import WATTSCAN, heed_hangup

pytestmark = pytest.mark.slow

GAIN, OFFSET, LOWEST = 1.25, 0.75, 2.0
FITTED = re.compile(r"1\.2[45]\d* x reading \+0\.7[45]\d* W")
RAIL = "bus/i2c/drivers/ina3221x/6-0040/iio:device0"


@pytest.fixture
def board(tmp_path):
    """A sysfs whose meter (hwmon) and sensor (INA3221) follow the level in a file."""
    rail, meter, level = tmp_path / RAIL, tmp_path / "class/hwmon/hwmon0", tmp_path / "level"
    for folder in (rail, meter):
        folder.mkdir(parents=True)
    (rail / "rail_name_0").write_text("VDD_IN")
    (meter / "name").write_text("meter")
    level.write_text("0")
    stopping = threading.Event()

    def put(file, text):
        file.with_suffix(".new").write_text(text)
        file.with_suffix(".new").replace(file)

    flicker = itertools.cycle((-0.001, 0.001))

    def follow():
        while not stopping.is_set():
            # No power stands still to the milliwatt.
            true = LOWEST + 8 * float(level.read_text() or 0) + next(flicker)
            put(meter / "power1_input", f"{true * 1e6:.0f}")
            put(rail / "in_power0_input", f"{(true - OFFSET) / GAIN * 1e3:.0f}")
            time.sleep(0.005)

    thread = threading.Thread(target=follow)
    thread.start()
    while not (rail / "in_power0_input").exists():
        time.sleep(0.01)
    (tmp_path / "board.toml").write_text(
        "title = 'A board'\nsample_interval_seconds = 0.02\nqueue_limit = 4\n[backend]\n"
        "name = 'litert'\n[[sensors]]\nname = 'ina3221'\n[[sensors]]\nname = 'hwmon'\n"
        "uncertainty_ratio = 0.01\n"
    )
    yield tmp_path
    stopping.set()
    thread.join()


def wattscan(board, *arguments):
    command = [*WATTSCAN, "sensors", *arguments]
    common = ["--target", str(board / "board.toml"), "--sysfs", str(board)]
    return subprocess.run([*command, *common], capture_output=True, text=True, timeout=60)


def calibrate(board, *arguments, sensor="ina3221", against="hwmon_power", out="mine.toml"):
    return wattscan(
        board, "calibrate", "--sensor", sensor, "--against", against, "--seconds", "0.3",
        "--settle", "0.1", "--out", str(board / out), *arguments,
    )  # fmt: skip


def power_of(board):
    table = json.loads(wattscan(board, "--format", "json", "--seconds", "0.3").stdout)["sensors"]
    (row,) = [row for row in table if row["sensor"] == "ina3221"]
    return row


def test_a_sensor_that_shows_too_little_is_put_right(board):
    load = f"echo $WATTSCAN_LOAD > {board}/level.new; mv {board}/level.new {board}/level; sleep 60"
    assert power_of(board)["power"] == pytest.approx((LOWEST - OFFSET) / GAIN, rel=1e-2)
    done = calibrate(board, "--load", load, "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert FITTED.search(done.stdout)
    assert done.stderr.count("load ") == 3
    text = (board / "board.toml").read_text()
    (board / "board.toml").write_text(
        text.replace("name = 'ina3221'", "name = 'ina3221'\ncalibration = 'mine.toml'")
    )
    (board / "level").write_text("0.5")
    row = power_of(board)
    assert row["power"] == pytest.approx(LOWEST + 4, rel=1e-2)
    assert 0.01 <= row["uncertainty_ratio"] < 0.015


@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"sensor": "nvml"}, "nvml gives no power here: there is: ina3221/VDD_IN"),
        ({"against": "ina3221"}, "against itself"),
        ({"out": "nowhere/mine.toml"}, "No such file or directory"),
        ({"out": "bus"}, "Is a directory"),
    ],
)
def test_what_cannot_be_calibrated_is_told(board, arguments, told):
    done = calibrate(board, **arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (board / "mine.toml").exists()


def test_a_load_that_changes_nothing_gives_no_calibration(board):
    done = calibrate(board, "--load", "sleep 60", "--steps", "3")
    assert done.returncode == 2
    assert "use a load that takes more" in done.stderr
    assert not (board / "mine.toml").exists()


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--load", "exit 3", "--seconds", "2"), "ended before its step, with exit code 3"),
        (("--seconds", "nan"), "seconds from 0.1 to 3600"),
        (("--settle", "inf"), "seconds from 0.1 to 3600"),
        (("--steps", "2"), "from 3 to 1000 steps"),
    ],
)
def test_options_that_would_measure_nonsense_are_told(board, arguments, told):
    done = calibrate(board, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (board / "mine.toml").exists()


def test_a_calibrated_sensor_is_calibrated_anew_from_what_it_shows(board):
    load = f"echo $WATTSCAN_LOAD > {board}/level.new; mv {board}/level.new {board}/level; sleep 60"
    (board / "mine.toml").write_text(
        "sensor = 'ina3221'\ndomain = 'VDD_IN'\ngain = 3\noffset_watts = 1\nuncertainty_ratio = 0\n"
    )
    text = (board / "board.toml").read_text()
    (board / "board.toml").write_text(
        text.replace("name = 'ina3221'", "name = 'ina3221'\ncalibration = 'mine.toml'")
    )
    done = calibrate(board, "--load", load, "--steps", "3", out="anew.toml")
    assert FITTED.search(done.stdout), done.stdout + done.stderr


def test_a_meter_that_stands_still_is_told_before_minutes_are_spent(board):
    (board / "class/hwmon/hwmon0/power2_input").write_text("5000000")
    done = calibrate(board, against="hwmon_power/hwmon0:meter:power2")
    assert done.returncode == 2
    assert "power2 did not move under the load" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_load_ends_with_the_command(board, number):
    command = [
        *WATTSCAN, "sensors", "--target", str(board / "board.toml"), "--sysfs", str(board),
        "calibrate", "--sensor", "ina3221", "--against", "hwmon_power", "--out",
        str(board / "mine.toml"), "--load", f"echo $$ > {board}/pid; sleep 300",
    ]  # fmt: skip

    process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heed_hangup)  # noqa: PLW1509
    while not (board / "pid").exists() or not (board / "pid").read_text():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 128 + number
    load = int((board / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(load, 0)


def test_a_failure_touches_neither_a_link_nor_what_it_points_to(board):
    link, place = board / "mine.toml", board / "elsewhere.toml"
    link.symlink_to(place)
    assert calibrate(board, sensor="nvml").returncode == 2
    assert link.is_symlink() and not place.exists()
