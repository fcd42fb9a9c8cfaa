"""The main job, when it is cut short."""

import json
import re
import shutil
import signal
import subprocess
import tarfile

import pytest
from bench_rig import TASKS, bench


def cells(folder):
    return json.loads((folder / "tables.json").read_text())


def refused(command, **options):
    """What it says, in one sentence."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


def cut_short(command, when, meanwhile=lambda: None):
    """Interrupt it when it tells of a moment, at which it stands still; what it has told."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    told = []
    with process.stderr:
        for line in process.stderr:
            told.append(line)
            if when in line:
                process.send_signal(signal.SIGSTOP)
                meanwhile()
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGCONT)
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


def assert_refused_with_another_model(folder, copy, task):
    other = with_another_model(folder, copy)
    changed = refused(bench(folder.parent, "--resume", str(other)))
    assert f"the model of {task}, INT8, " in changed and "SHA-256 was 000000000000" in changed
    assert (other / "recording.om").read_text().count("up{") == (
        (folder / "recording.om").read_text().count("up{")
    )


def assert_complete_run_of_two_parts(folder):
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


@pytest.mark.slow
def test_a_run_cut_short_goes_on_with_what_is_missing(tmp_path):
    out, task = tmp_path / "runs", TASKS[-1]
    going_on = []
    # Before anything is recorded: the service is being started.
    told = cut_short(
        bench(out, "--task", task),
        "Starting the service",
        lambda: going_on.append(refused(bench(out, "--resume", *map(str, out.iterdir())))),
    )
    (folder,) = out.iterdir()
    assert "still going on" in going_on[0] and str(folder) in going_on[0]
    missing = "windows are missing. To go on: .venv/bin/wattscan bench --resume"
    assert f"4 of 4 {missing} {folder}" in told
    assert not (folder / "recording.om").exists()
    told = cut_short(
        bench(out, "--resume", folder.name), "[window 2 of 4] " + task + " INT8, repeat 1: load"
    )
    assert "there already" not in told
    assert f"3 of 4 {missing} {folder}" in told
    assert_refused_with_another_model(folder, tmp_path / "other", task)
    # By a link to it: the archive lies beside the folder, and the run keeps its name.
    link = tmp_path / "latest"
    link.symlink_to(folder)
    done = subprocess.run(
        bench(out, "--resume", str(link), "--bundle"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 4 windows are there already" in done.stderr
    assert "[window 3 of 3]" in done.stderr and "[window 4" not in done.stderr
    assert_complete_run_of_two_parts(folder)
    assert "nothing is missing" in refused(bench(out, "--resume", "."), cwd=folder)
    # All windows are there, but not the recording's end: written at once, in a folder renamed.
    renamed = folder.rename(tmp_path / "renamed")
    text = (renamed / "recording.om").read_text()
    (renamed / "recording.om").write_text(text.replace("# EOF\n", ""))
    done = subprocess.run(
        bench(out, "--resume", ".", "--bundle"), cwd=renamed, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (renamed / "recording.om").read_text() == text
    assert "window" not in done.stderr and (tmp_path / "renamed.tar.gz").is_file()
