"""The main job, as `make run` does it."""

import json
import os
import re
import shutil
import statistics
import subprocess
import tarfile
import time

import pytest

from commands import WATTSCAN
from fake_rapl import FakeRapl
from wattscan import plugins
from wattscan.collector.tables import title_of

TASKS = plugins.names("tasks")


def cells(folder):
    return json.loads((folder / "tables.json").read_text())


def test_it_shows_progress_the_table_and_the_report(quick_run):
    folder, output, progress = quick_run
    windows = 2 * 2 * len(TASKS)  # two precisions, two repeats
    assert f"[window 1 of {windows}]" in progress and f"[window {windows} of {windows}]" in progress
    assert " left" in progress
    for task in TASKS:
        for precision in ("FP32", "INT8"):
            row = rf"^\| {title_of(task)} +\| {precision} +\| \d\.\d+ "
            assert re.search(row, output, re.MULTILINE)
    assert "one scan costs" in output
    assert f"The run's folder: {folder}" in progress
    assert output.strip().endswith(f"Report: {folder / 'report.html'}")


def test_it_leaves_every_file(quick_run):
    folder, *_ = quick_run
    names = {"recording.om", "tables.md", "tables.json", "report.html"}
    names |= {"energy.csv", "paper.csv", "quality.csv", "projections.csv"}
    assert names <= {path.name for path in folder.iterdir()}
    assert (folder / "recording.om").read_text().endswith("# EOF\n")


def test_everything_modelled_says_so(quick_run):
    folder, output, _ = quick_run
    assert "modelled" in output
    assert "W per busy core" in output
    assert "modelled_power" in (folder / "energy.csv").read_text()


def test_collect_gives_the_same_tables_again(quick_run, tmp_path):
    folder, *_ = quick_run
    source = str(folder / "recording.om")
    done = subprocess.run(
        [*WATTSCAN, "collect", "--source", source, "--out", str(tmp_path)], capture_output=True
    )
    assert done.returncode == 0
    assert (tmp_path / "tables.md").read_bytes() == (folder / "tables.md").read_bytes()


def test_require_valid_fails_on_a_quick_run(quick_run):
    folder, *_ = quick_run
    command = [*WATTSCAN, "collect", "--source", str(folder / "recording.om")]
    assert subprocess.run([*command, "--require", "valid"], capture_output=True).returncode == 1


def battery(root, watts):
    """A battery that is discharged: the sensor that comes after RAPL."""
    folder = root / "class" / "power_supply" / "BAT0"
    folder.mkdir(parents=True)
    for name, text in (("type", "Battery"), ("status", "Discharging"), ("present", "1")):
        (folder / name).write_text(text)

    def write():
        # No gauge shows one figure to the microwatt for ever.
        fresh = folder / "power_now.new"
        fresh.write_text(str(round(watts * 1e6) + time.monotonic_ns() % 1000))
        fresh.replace(folder / "power_now")

    write()
    return write


def samples(folder, metric, sensor="rapl"):
    """(Unix time, value) of every sample of the sensor's series of that name."""
    lines = (folder / "recording.om").read_text().splitlines()
    label = f'sensor="{sensor}"'
    mine = [line for line in lines if line.startswith(f"{metric}{{") and label in line]
    return [(float(line.split()[-1]), float(line.split()[-2])) for line in mine]


@pytest.fixture(scope="module")
def unplugged_run(tmp_path_factory):
    """A run whose RAPL counter vanishes in the load phase of the third of four windows."""
    root = tmp_path_factory.mktemp("sys")
    out = tmp_path_factory.mktemp("unplugged")
    rapl = FakeRapl(root, battery(root, watts=12))
    bench = subprocess.Popen(
        [*WATTSCAN, "bench", "--task", TASKS[0], "--out", str(out), "--sysfs", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        for line in bench.stderr:
            if "[window 3 of 4]" in line and ": load" in line:
                time.sleep(4)
                rapl.unplugged.set()
        assert bench.wait() == 0
    finally:
        bench.stderr.close()
        rapl.end()
    (folder,) = out.iterdir()
    return folder


@pytest.mark.slow
def test_a_sensor_lost_mid_run_is_a_verdict_and_not_a_zero(unplugged_run):
    text = (unplugged_run / "tables.md").read_text()
    assert "invalid" in text
    assert "sensor_down_at_edge" in text or "coverage_below_98_percent" in text
    power = samples(unplugged_run, "wattscan_power_watts")
    energy = samples(unplugged_run, "wattscan_energy_joules_total")
    up = samples(unplugged_run, "wattscan_sensor_up")
    # 40 W as long as it was there, within what its writer's own delays make of it ...
    assert statistics.median(value for _, value in power) == pytest.approx(40, rel=0.1)
    # ... then nothing: neither a zero nor the last value repeated.
    lost = min(at for at, value in up if value == 0)
    assert max(at for at, value in up if value == 1) < lost < max(at for at, _ in up) - 10
    assert max(at for at, _ in (*power, *energy)) < lost


@pytest.mark.slow
def test_the_next_sensor_takes_over_and_the_verdict_names_it(unplugged_run):
    up = samples(unplugged_run, "wattscan_sensor_up")
    lost = min(at for at, value in up if value == 0)
    sources = samples(unplugged_run, "wattscan_energy_source_info", "power_supply")
    assert lost <= min(at for at, _ in sources) < lost + 10
    energy = samples(unplugged_run, "wattscan_energy_joules_total", "power_supply")
    (begun, before), (ended, after) = energy[0], energy[-1]
    # Its own series, from its own zero, and nothing of RAPL's 40 W in it.
    assert before < 12 * 5 and after - before == pytest.approx(12 * (ended - begun), rel=0.02)
    said = "from rapl package-0 counter, then from power_supply BAT0 integrated"
    assert re.search(
        f"invalid, sensor_changed: .*{said}", (unplugged_run / "tables.md").read_text()
    )


@pytest.mark.slow
def test_a_measured_source_is_called_a_counter(unplugged_run):
    text = (unplugged_run / "tables.md").read_text()
    assert "package-0" in text
    assert "modelled_power" not in text
    assert "generator_on_device" in text


def test_where_nothing_gives_energy_it_ends_at_once_with_the_remedy(tmp_path):
    began = time.monotonic()
    done = subprocess.run(
        [*WATTSCAN, "bench", "--target", "jetson-nano", "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "ina3221: no INA3221" in done.stderr and "--target cpu" in done.stderr
    assert not any(tmp_path.iterdir()) and time.monotonic() - began < 60


def bench(out, *arguments):
    return [*WATTSCAN, "bench", "--out", str(out), *arguments]


def refused(command, **options):
    """What it says, in one sentence."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


def cut_short(command, when, meanwhile=lambda: None):
    """Interrupt it when it tells of a moment; what it has told."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    told = []
    with process.stderr:
        for line in process.stderr:
            told.append(line)
            if when in line:
                meanwhile()
                process.send_signal(2)
                break
        told.append(process.stderr.read())
    assert process.wait(60) == 130
    return "".join(told)


def with_another_model(folder, copy):
    """A copy of a run, made with an INT8 model that is not the one that is served."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("images"))
    recording = copy / "recording.om"
    info = r'(wattscan_model_info\{[^}]*precision="int8"[^}]*sha256=")[0-9a-f]{12}'
    recording.write_text(re.sub(info, r"\g<1>000000000000", recording.read_text()))
    return copy


@pytest.mark.slow
def test_a_run_cut_short_goes_on_with_what_is_missing(tmp_path):
    out, task = tmp_path / "runs", TASKS[-1]
    # Before anything is recorded: the service is being started.
    told = cut_short(bench(out, "--task", task), "Starting the service")
    (folder,) = out.iterdir()
    assert (
        f"4 of 4 windows are missing. To go on: .venv/bin/wattscan bench --resume {folder}" in told
    )
    assert not (folder / "recording.om").exists()
    going_on = []
    told = cut_short(
        bench(out, "--resume", folder.name),
        "[window 2 of 4] " + task + " INT8, repeat 1: load",
        lambda: going_on.append(refused(bench(out, "--resume", str(folder)))),
    )
    assert "there already" not in told
    assert (
        f"3 of 4 windows are missing. To go on: .venv/bin/wattscan bench --resume {folder}" in told
    )
    assert "still going on" in going_on[0] and str(folder) in going_on[0]
    other = with_another_model(folder, tmp_path / "other")
    changed = refused(bench(out, "--resume", str(other)))
    assert f"the model of {task}, INT8, " in changed and "SHA-256 was 000000000000" in changed
    assert (other / "recording.om").read_text().count("up{") == (
        (folder / "recording.om").read_text().count("up{")
    )
    # By a link to it: the archive lies beside the folder, and the run keeps its name.
    link = tmp_path / "latest"
    link.symlink_to(folder)
    done = subprocess.run(
        bench(out, "--resume", str(link), "--bundle"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 4 windows are there already" in done.stderr
    assert "[window 3 of 3]" in done.stderr and "[window 4" not in done.stderr
    tables = cells(folder)
    assert [len(cell["windows"]) for cell in tables["cells"]] == [2, 2]
    reasons = {reason["code"] for cell in tables["cells"] for reason in cell["reasons"]}
    assert not reasons & {"incomplete_run", "clocks_apart", "energy_not_measured"}
    text = (folder / "recording.om").read_text()
    assert {line.split()[1] for line in text.splitlines() if "run_parts{" in line} == {"1.0", "2.0"}
    assert set(re.findall(r'run="([^"]*)"', text)) == {folder.name}
    with tarfile.open(f"{folder}.tar.gz") as bundle:
        names = {name.split("/")[1] for name in bundle.getnames()}
    assert {"recording.om", "tables.json", "report.html", "versions.json", "CITATION.md"} <= names
    assert "nothing is missing" in refused(bench(out, "--resume", "."), cwd=folder)
    # All windows are there, but not the recording's end: written at once, in a folder renamed.
    renamed = folder.rename(tmp_path / "renamed")
    (renamed / "recording.om").write_text(text.replace("# EOF\n", ""))
    done = subprocess.run(
        bench(out, "--resume", ".", "--bundle"), cwd=renamed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (renamed / "recording.om").read_text() == text
    assert "window" not in done.stderr and (tmp_path / "renamed.tar.gz").is_file()
