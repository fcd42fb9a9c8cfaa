"""What of a run cut short is kept, and what is measured again."""

import contextlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wattscan.bench import announce, cli, run
from wattscan.bench.lock import locked
from wattscan.bench.preflight import Outlook
from wattscan.bench.record import Record, read_record, write_record
from wattscan.bench.recorder import Recorder
from wattscan.bench.resume import Past, read_past, reopen
from wattscan.bench.run import resume
from wattscan.collector.run_folder import read_warnings
from wattscan.contracts import WattscanError

RECORD = Record("cpu", "quick", "SingleStream", ("brain-mri",), "models", 2022, 20.0, "/sys")
BEGIN = 1_732_286_400
PHASES = ("idle", "warmup", "load", "cooldown")


def recording(folder, windows, tail="", name="one"):
    """A generator's page, scraped once. `windows`: (precision, repeat, {phase: (start, end)}), in
    seconds since BEGIN."""
    common = f'job="g",instance="h:1",run="{name}",target="cpu"'
    lines = [
        f'wattscan_run_info{{{common},target_instance="h:2",profile="quick"}} 1 {BEGIN + 900}.000'
    ]
    for precision, repeat, phases in windows:
        for phase, times in phases.items():
            labels = f'{common},task="brain-mri",precision="{precision}",repeat="{repeat}"'
            for edge, time in zip(("start", "end"), times, strict=True):
                if time is not None:
                    metric = f"wattscan_run_phase_{edge}_timestamp_seconds"
                    told = f'{metric}{{{labels},phase="{phase}"}} {BEGIN + time} {BEGIN + 900}.000'
                    lines.append(told)
    (folder / "recording.om").write_text("\n".join(lines) + "\n" + tail)


def whole(begin):
    return {p: (begin + 10 * n, begin + 10 * n + 10) for n, p in enumerate(PHASES)}


ALL = [(p, r, whole(100 * n)) for n, (p, r) in enumerate(
    [("fp32", 1), ("int8", 1), ("int8", 2), ("fp32", 2)]
)]  # fmt: skip


def past(folder, name="one"):
    return read_past(folder, replace(RECORD, run=name))


def test_a_window_is_kept_when_all_its_phases_have_ended(tmp_path):
    cut = {**whole(140), "cooldown": (170, None)}
    recording(tmp_path, [("fp32", 1, whole(100)), ("int8", 1, cut)])
    assert past(tmp_path).done == {("brain-mri", "fp32", "1")}


def test_a_second_attempt_that_was_cut_short_is_not_mistaken_for_the_first(tmp_path):
    """Its idle phase ended after what the first attempt left of its load."""
    again = {**whole(100), "idle": (500, 510)}
    recording(tmp_path, [("fp32", 1, again)])
    assert past(tmp_path).done == frozenset()


@pytest.mark.parametrize("text", [None, "", "# TYPE up gauge\n", "up{} 1 9", "up{} 1 900.000\n"])
def test_one_that_was_cut_short_before_it_began_has_none(tmp_path, text):
    if text is not None:
        (tmp_path / "recording.om").write_text(text)
    assert past(tmp_path) == Past("one")


def test_only_what_has_begun_to_measure_is_a_part(tmp_path):
    recording(tmp_path, [])
    assert past(tmp_path).parts == 1
    told = f'wattscan_run_parts{{job="g",instance="h:1",run="one"}} 3 {BEGIN + 900}.000\n'
    recording(tmp_path, [], told)
    assert past(tmp_path).parts == 3


@pytest.mark.parametrize("tail", ["up{} 0 901.0", "# EOF\n", "# EOF\nup{} 1 90", ""])
def test_a_recording_is_gone_on_with_behind_its_last_whole_line(tmp_path, tail):
    path = tmp_path / "recording.om"
    path.write_text(f"# TYPE up gauge\nup{{}} 1 900.000\n{tail}")
    reopen(path)
    assert path.read_text() == "# TYPE up gauge\nup{} 1 900.000\n"
    recorder = Recorder(path)
    recorder.start()
    assert list(recorder._lines("# TYPE up gauge\nup 1\n", 'a="b"', 901.0)) == [
        'up{a="b"} 1 901.000\n'
    ], "a family is described once"
    recorder.stop(complete=True)
    assert path.read_text().endswith("900.000\n# EOF\n")


def test_a_recording_whose_comments_are_no_text_is_gone_on_with(tmp_path):
    path = tmp_path / "recording.om"
    path.write_bytes(b"# HELP up \xff\nup{} 1 900.000\n")
    recorder = Recorder(path)
    recorder.start()
    recorder.stop(complete=True)
    assert path.read_bytes() == b"# HELP up \xff\nup{} 1 900.000\n# EOF\n"


def test_a_packed_recording_is_not_added_to(tmp_path):
    (tmp_path / "recording.om").write_bytes(b"\x1f\x8b\x00\x00\n")
    with pytest.raises(WattscanError, match="is packed"):
        past(tmp_path)


def test_the_run_is_the_one_that_the_record_names(tmp_path):
    """Whatever the folder is called: a link, or another name."""
    recording(tmp_path, ALL)
    assert past(tmp_path).run == "one" and len(past(tmp_path).done) == 4
    with pytest.raises(WattscanError, match=r"not the recording of the run two.*it holds one"):
        past(tmp_path, "two")


def test_a_record_without_a_run_takes_the_one_that_is_recorded(tmp_path):
    recording(tmp_path, ALL)
    assert past(tmp_path, "").run == "one"
    second = f'wattscan_run_info{{run="two",target="cpu",target_instance="h"}} 1 {BEGIN}.000\n'
    recording(tmp_path, ALL, second)
    assert past(tmp_path).run == "one"
    with pytest.raises(WattscanError, match="holds the runs one, two"):
        past(tmp_path, "")


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
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
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
