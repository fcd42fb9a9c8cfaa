"""`wattscan sensors` as a user runs it, over a sysfs of ours."""

import json
import os
import subprocess

import pytest
from moving_rapl import moving, zones

from commands import WATTSCAN
from wattscan.sensors import rapl_perf

FILES = {
    "class/thermal/thermal_zone0/type": "x86_pkg_temp",
    "class/thermal/thermal_zone0/temp": "47000",
}


@pytest.fixture
def sysfs(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with moving({"package-0": 20.0}, tmp_path):
        yield tmp_path


def sensors(*arguments):
    return subprocess.run(
        [*WATTSCAN, "sensors", "--seconds", "0.3", *map(str, arguments)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_table_names_what_is_here_and_why_the_rest_is_not(sysfs):
    done = sensors("--sysfs", sysfs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "CPU (cpu)"
    (rapl,) = [line for line in lines if line.startswith("rapl ")]
    assert "package-0" in rapl and "counter" in rapl and "5.0%" in rapl
    assert rapl.endswith("read by tables")
    (zone,) = [line for line in lines if line.startswith("thermal_zone ")]
    assert zone.split()[1:3] == ["x86_pkg_temp", "47.0"]
    assert "hwmon: absent: no temperature or power under" in done.stdout
    assert "cpu_model: absent: not needed: power or energy is measured here" in done.stdout
    assert done.stderr == ""


def test_json_is_a_line_in_base_units(sysfs):
    done = sensors("--sysfs", sysfs, "--format", "json")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["target"] == "cpu"
    rows = {row["sensor"]: row for row in found["sensors"]}
    assert rows["thermal_zone"]["temperature"] == 47.0
    assert rows["rapl"]["state"] == "table" and rows["rapl"]["energy"] > 0
    assert rows["hwmon"]["state"] == "absent" and rows["hwmon"]["why"]


def test_names_from_a_device_cannot_command_a_terminal(sysfs):
    (sysfs / "class/thermal/thermal_zone0/type").write_text("\x1b[31mzone\x07\n")
    done = sensors("--sysfs", sysfs)
    assert done.returncode == 0
    assert "\ufffd[31mzone\ufffd" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_carries_the_notices(sysfs):
    target = sysfs / "board.toml"
    target.write_text(
        "title = 'B'\nsample_interval_seconds = 0.1\nqueue_limit = 4\n[backend]\n"
        "name = 'litert'\n[[sensors]]\nname = 'rapl'\nuncertainty_ratio = 0.1\n"
        "floor_watts = { pakage-0 = 1 }\n"
    )
    done = sensors("--sysfs", sysfs, "--target", target, "--format", "json")
    (notice,) = json.loads(done.stdout)["notices"]
    assert notice.startswith("floor_watts of pakage-0 is not used")


def test_a_target_that_this_machine_is_not(tmp_path):
    done = sensors("--target", "jetson-nano", "--sysfs", tmp_path)
    assert done.returncode == 1
    assert "Nothing here gives power or energy." in done.stdout
    assert "ina3221: absent: " in done.stdout


def test_watch_goes_on_until_it_is_interrupted(sysfs):
    process = subprocess.Popen(
        [*WATTSCAN, "sensors", "--watch", "--seconds", "0.1", "--format", "json", "--sysfs", sysfs],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process.stdout:
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(2)
        assert process.wait(10) == 130
    assert all(json.loads(line)["target"] == "cpu" for line in lines)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "x"])
def test_a_wrong_duration_is_told(seconds):
    done = sensors("--seconds", seconds)
    assert done.returncode == 2
    assert "seconds from 0.1 to 3600" in done.stderr


def push(*arguments):
    return subprocess.run(
        [*WATTSCAN, "sensors", "push", *map(str, arguments)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_reading_that_is_pushed_is_read(tmp_path):
    folder, target = tmp_path / "bridge", tmp_path / "camera.toml"
    target.write_text(
        "title = 'A board with a camera'\nsample_interval_seconds = 0.1\nqueue_limit = 4\n"
        "[backend]\nname = 'litert'\n[[sensors]]\nname = 'bridge'\n"
        f"folder = '{folder}'\nuncertainty_ratio = 0.1\n"
    )
    nothing = sensors("--target", target)
    assert nothing.returncode == 1 and "wattscan sensors push" in nothing.stdout
    done = push(
        "--folder", folder, "--name", "camera", "--temperature", "lid=41.25", "--power", "inlet=4.5"
    )
    assert (done.returncode, done.stdout) == (0, f"{folder / 'camera.prom'}\n")
    shown = json.loads(sensors("--target", target, "--format", "json").stdout)["sensors"]
    rows = {row["covers"]: row for row in shown}
    assert rows["lid"]["temperature"] == 41.25
    assert rows[""]["state"] == "proving" and "has not moved yet" in rows[""]["why"]


@pytest.mark.slow
def test_what_is_handed_over_again_is_believed(tmp_path):
    """Also a steady figure: a new reading is a movement."""
    target = tmp_path / "meter.toml"
    target.write_text(
        "title = 'A board with a meter'\nsample_interval_seconds = 0.1\nqueue_limit = 4\n"
        "[backend]\nname = 'litert'\n[[sensors]]\nname = 'bridge'\n"
        f"folder = '{tmp_path}'\nuncertainty_ratio = 0.1\n"
    )
    reading = ("--folder", tmp_path, "--name", "meter", "--power", "inlet=4.5")
    assert push(*reading).returncode == 0
    command = [*WATTSCAN, "sensors", "--watch", "--seconds", "0.2", "--format", "json"]
    process = subprocess.Popen(
        [*command, "--target", target], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    states = []
    with process.stdout:
        for _ in range(50):
            (row,) = json.loads(process.stdout.readline())["sensors"]
            states.append(row["state"])
            if row["power"] == 4.5:
                break
            push(*reading)
        process.send_signal(2)
        assert process.wait(10) == 130
    assert states[0] == "proving" and states[-1] == "table"


def test_counters_that_stand_still_are_told_and_the_model_is_read(tmp_path):
    zones(tmp_path, ["package-0", "psys"])
    done = sensors("--sysfs", tmp_path)
    assert done.returncode == 0
    assert "rapl: absent: listed, but its count stands still" in done.stdout
    (model,) = [line for line in done.stdout.splitlines() if line.startswith("cpu_model ")]
    assert model.endswith("read by tables")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("--name", "camera"), "no reading"),
        (("--name", "../x", "--power", "a=1"), "the name must be"),
        (("--name", "camera", "--power", "a=x"), "NAME=VALUE with a number"),
        (("--name", "camera", "--power", "a=-1"), "cannot be handed over"),
    ],
)
def test_what_cannot_be_pushed_is_told(tmp_path, arguments, told):
    done = push("--folder", tmp_path / "bridge", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "bridge").exists()


# linux/perf_event.h: of the kernel's software events, one counts the nanoseconds of a processor's
# clock, and one counts nothing, ever, as RAPL's do in many a virtual machine.
SOFTWARE, CPU_CLOCK, DUMMY = 1, 0, 9


@pytest.mark.parametrize("counts", [True, False])
def test_perf_events_that_are_listed_are_believed_when_they_count(tmp_path, counts):
    try:
        os.close(rapl_perf.open_event(SOFTWARE, DUMMY, cpu=0))
    except OSError as error:
        pytest.skip(f"this kernel lets no one count events here: {error.strerror}")
    pmu = tmp_path / "bus/event_source/devices/power"
    (pmu / "events").mkdir(parents=True)
    (pmu / "type").write_text(f"{SOFTWARE}\n")
    (pmu / "cpumask").write_text("0\n")
    event = pmu / "events/energy-psys"
    event.write_text(f"event={CPU_CLOCK if counts else DUMMY:#x}\n")
    event.with_suffix(".unit").write_text("Joules\n")
    event.with_suffix(".scale").write_text("25e-9\n")  # so that a second is 25 J
    done = sensors("--sysfs", tmp_path, "--format", "json")
    rows = {row["sensor"]: row for row in json.loads(done.stdout)["sensors"]}
    if counts:
        assert (rows["rapl_perf"]["state"], rows["rapl_perf"]["covers"]) == ("table", "psys")
        assert rows["rapl_perf"]["power"] == pytest.approx(25, rel=0.2)
    else:
        assert rows["rapl_perf"]["state"] == "absent"
        assert "its count stands still" in rows["rapl_perf"]["why"]
        assert rows["cpu_model"]["state"] == "table"
