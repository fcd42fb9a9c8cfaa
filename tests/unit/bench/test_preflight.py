"""What a machine can give is said before minutes are spent on it."""

import errno
import importlib.util
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from moving_rapl import moving, zones

from wattscan.bench import preflight
from wattscan.contracts import SensorChoice, WattscanError
from wattscan.profiles import PROFILES
from wattscan.targets import load_target

CPU = load_target("cpu")


def look(tmp_path, target=CPU):
    return preflight.look(target, tmp_path / "sys", tmp_path / "runs", PROFILES["quick"], 12)


def test_without_a_sensor_it_says_that_power_is_modelled(tmp_path):
    told = look(tmp_path)
    assert "No sensor here measures power: it is modelled" in told.source
    assert "±50 % (1 sigma)" in told.source
    assert told.machine.startswith("This machine: ")


def test_counters_that_stand_still_are_no_sensor(tmp_path):
    zones(tmp_path / "sys", ["package-0", "psys"])
    assert "No sensor here measures power" in look(tmp_path).source


def test_a_sensor_that_counts_is_named(tmp_path):
    with moving({"package-0": 20.0}, tmp_path / "sys"):
        assert "The sensor rapl counts energy (package-0), ±5.0%." in look(tmp_path).source


def test_one_that_has_not_moved_yet_is_named_beside_the_model(tmp_path):
    battery = tmp_path / "sys/class/power_supply/BAT0"
    battery.mkdir(parents=True)
    for name, text in (("type", "Battery"), ("status", "Discharging"), ("power_now", "9000000")):
        (battery / name).write_text(text)
    told = look(tmp_path).source
    assert "modelled" in told and "power_supply has not moved yet" in told


def test_where_nothing_gives_energy_it_ends_with_the_remedy(tmp_path):
    target = replace(CPU, sensors=(SensorChoice("ina3221", {}),))
    with pytest.raises(WattscanError, match=r"no joules \(ina3221: .*or measure with --target cpu"):
        look(tmp_path, target)


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    with pytest.raises(WattscanError, match="has 5 MB free, and the run may need"):
        look(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WattscanError, match=r"cannot write to .*file is not a folder"):
        preflight.look(CPU, tmp_path / "sys", tmp_path / "file" / "runs", PROFILES["quick"], 12)


def test_a_missing_package_is_told_with_its_extra(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        preflight.importlib.util, "find_spec", lambda n: None if n == "matplotlib" else find(n)
    )
    with pytest.raises(WattscanError, match=r"pip install 'wattscan\[collector\]'"):
        look(tmp_path)


def test_no_port_is_told(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(WattscanError, match="bring up the loopback interface"):
        look(tmp_path)


def test_a_clock_that_steps_is_told(tmp_path, monkeypatch):
    real, steps = time.time, iter([0.0, 3.0])
    monkeypatch.setattr(preflight.time, "time", lambda: real() + next(steps, 3.0))
    assert any("The clock is not steady" in warning for warning in look(tmp_path).warnings)


def test_busy_processes_are_told(tmp_path):
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        warnings = look(tmp_path).warnings
    finally:
        busy.kill()
        busy.wait()
    # Which three are named depends on what else this machine does.
    told = next(warning for warning in warnings if "cores busy" in warning)
    assert re.search(r"cores busy \([^;]+, process \d+", told)
    assert "they slow the service, and the figures include that" in told
    assert "end them" not in told


def test_a_sensor_counts_what_other_processes_draw():
    told = preflight._busy(1.04, ["python3, process 12"], measured=True)
    assert told == (
        "Other processes keep 1.0 cores busy (python3, process 12): the figures include the power "
        "that they draw, and they slow the service."
    )


def test_another_service_is_told(tmp_path):
    program = tmp_path / "wattscan"
    program.write_text("import time; time.sleep(60)")
    other = subprocess.Popen([sys.executable, program, "serve"])
    try:
        warnings = look(tmp_path).warnings
    finally:
        other.kill()
        other.wait()
    # Other ones may be there, too.
    told = next(w for w in warnings if "Wattscan service" in w)
    assert re.search(rf"\(process(es)? (\d+, )*{other.pid}\b", told)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([13915], "Another Wattscan service or run is on this machine (process 13915): "),
        ([5, 6], "Other Wattscan services or runs are on this machine (processes 5, 6): "),
    ],
)
def test_other_services_are_told_in_the_right_number(others, said, monkeypatch):
    import psutil

    found = [SimpleNamespace(info={"pid": p, "cmdline": ["wattscan", "serve"]}) for p in others]
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(found))
    (told,) = preflight._other_services()
    assert told.startswith(said)


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("python -m wattscan serve --target cpu", True),
        ("wattscan bench", True),
        ("python -m locust -f x/loadtest/locustfile.py", True),
        ("python -m wattscan collect", False),
        ("wattscan sensors", False),
        ("python serve", False),
    ],
)
def test_what_measures_is_told_from_what_does_not(command, ours):
    assert preflight._is_ours(command.split()) == ours
