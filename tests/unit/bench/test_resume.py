"""A run that was cut short goes on."""

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from resume_rig import ALL, RECORD, recording

from wattscan.bench import announce, cli, run
from wattscan.bench.lock import locked
from wattscan.bench.preflight import Outlook
from wattscan.bench.record import read_record, write_record
from wattscan.bench.run import resume
from wattscan.collector.run_folder import read_warnings
from wattscan.contracts import WattscanError


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.fixture
def made(tmp_path):
    """A run all of whose windows are there, and whose recording has no end."""
    folder = tmp_path / "any name"
    folder.mkdir()
    write_record(folder, replace(RECORD, run="one"))
    recording(folder, ALL, tail="up{} 1 90")
    return folder


def go_on(folder):
    with contextlib.ExitStack() as held:
        resume(folder, held)


def test_where_all_windows_are_there_only_the_end_is_written(made):
    go_on(made)
    assert (made / "recording.om").read_text().endswith(".000\n# EOF\n")
    go_on(made)  # its report was not written yet
    (made / "report.html").touch()
    with pytest.raises(WattscanError, match="complete: nothing is missing"):
        go_on(made)


def test_a_run_that_is_still_going_on_is_left_alone(made):
    before = tree(made)
    with locked(made), pytest.raises(WattscanError, match="still going on"):
        go_on(made)
    assert tree(made) == before
    go_on(made)


def test_a_folder_that_is_no_runs_gets_no_lock(tmp_path):
    with pytest.raises(WattscanError, match=r"has no run\.json"):
        go_on(tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_run_that_was_cut_short_before_its_recording_simply_begins(made, monkeypatch):
    parts = []
    monkeypatch.setattr(run, "_check_folder", lambda *_: None)
    monkeypatch.setattr(run, "announce_run", lambda *_: ())
    monkeypatch.setattr(run.Part, "go", lambda part: parts.append(part._asked))
    (made / "recording.om").unlink()
    go_on(made)
    go_on(made)
    assert [(asked.parts, asked.run) for asked in parts] == [(1, "one"), (1, "one")]


@pytest.mark.parametrize("given", [".", "link", "below"])
def test_a_run_is_found_by_whatever_leads_to_it(made, monkeypatch, given):
    (made.parent / "link").symlink_to(made.name)
    monkeypatch.chdir(made if given == "." else made.parent)
    out = made.parent if given == "below" else made.parent / "nowhere"
    told = made.name if given == "below" else given
    assert cli._folder(type(made)(told), out) == made


@pytest.mark.parametrize("given", ["nope", "runs/nope"])
def test_a_run_that_is_not_there_is_named_as_it_was_given(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    folder = cli._folder(Path(given), Path("runs"))
    with pytest.raises(WattscanError, match="there is no run in runs/nope: "):
        go_on(folder)


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("there", "program", "said"),
    [
        (1, "/x/.venv/bin/wattscan", "3 of 4 windows are missing. To go on: /x/.venv/bin/wattscan"),
        (3, "x/wattscan/__main__.py", "1 of 4 windows is missing. To go on: .venv/bin/wattscan"),
        (4, "wattscan", "Only the report is missing. To go on: wattscan"),
    ],
)
def test_an_interrupted_run_says_how_it_goes_on(made, monkeypatch, capsys, there, program, said):
    recording(made, ALL[:there])
    monkeypatch.setattr(sys, "argv", [program])
    for name in ("_check_folder", "announce_run"):
        monkeypatch.setattr(run, name, lambda *_: ())
    monkeypatch.setattr(run.Part, "go", interrupted)
    monkeypatch.setattr(run, "_finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go_on(made)
    assert f"{said} bench --resume '{made}'\n" in capsys.readouterr().err


def test_what_was_warned_of_is_kept_beside_the_recording(made, monkeypatch):
    recording(made, ALL[:1])
    monkeypatch.setattr(run, "_check_folder", lambda *_: None)
    monkeypatch.setattr(
        announce, "look", lambda *_: Outlook("Machine.", "Source.", ("It is busy.",))
    )
    monkeypatch.setattr(run.Part, "go", lambda _: None)
    go_on(made)
    assert read_warnings(made / "recording.om") == ("When part 2 began: It is busy.",)
    go_on(made)
    assert len(read_warnings(made / "recording.om")) == 1, "told once"


def test_what_cannot_be_written_is_said_of_the_runs_own_folder(made, monkeypatch, capsys):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "resume", fail)
    monkeypatch.setattr(cli, "end_as_interrupted", lambda: None)
    parser = cli.argparse.ArgumentParser()
    cli.add_arguments(parser)
    with pytest.raises(WattscanError, match=f"cannot write the run to {made}: No space left"):
        cli.run(parser.parse_args(["--resume", str(made)]))


def test_a_lock_ends_with_its_process(made):
    script = """
import sys, time
from pathlib import Path
from wattscan.bench.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(made)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(WattscanError, match="still going on"):
            go_on(made)
        other.kill()
    with locked(made):
        assert read_record(made).run == "one"
