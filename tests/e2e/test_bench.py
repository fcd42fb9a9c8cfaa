"""The main job, as `make run` does it."""

import re
import subprocess
import time

import pytest
from bench_rig import TASKS

import wattscan
from commands import WATTSCAN
from wattscan.collector.tables import title_of


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


def test_where_nothing_gives_energy_it_ends_at_once_with_the_remedy(tmp_path):
    began = time.monotonic()
    done = subprocess.run(
        [*WATTSCAN, "bench", "--target", "jetson-nano", "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "ina3221: no INA3221" in done.stderr and "--target cpu" in done.stderr
    assert not any(tmp_path.iterdir()) and time.monotonic() - began < 60


def test_the_tables_of_a_run_are_frames(quick_run):
    pytest.importorskip("pandas", reason="pandas is not installed: make setup")
    folder, *_ = quick_run
    tables = wattscan.load_tables(folder)
    assert set(tables) == {"energy", "paper", "quality", "projections"}
    energy = tables["energy"].set_index(["task", "precision"])
    assert (energy["joules_per_image_gross"] > 0).all() and len(energy) == 6
    assert energy["joules_per_image_gross_low"].isna().all(), "the quick profile has no interval"
