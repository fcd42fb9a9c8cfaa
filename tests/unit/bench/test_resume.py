"""What of a run cut short is kept, and what is measured again."""

import json

import pytest

from wattscan.bench.recorder import Recorder
from wattscan.bench.resume import (
    Record,
    finished_windows,
    read_record,
    reopen,
    write_record,
)
from wattscan.contracts import WattscanError

RECORD = Record("cpu", "quick", "SingleStream", ("brain-mri",), "models", 2022, 20.0, "/sys")
BEGIN = 1_732_286_400
PHASES = ("idle", "warmup", "load", "cooldown")


def recording(folder, windows, tail=""):
    """A generator's page, scraped once. `windows`: (precision, repeat, {phase: (start, end)}), in
    seconds since BEGIN."""
    common = f'job="g",instance="h:1",run="{folder.name}",target="cpu"'
    lines = [
        f'wattscan_run_info{{{common},target_instance="h:2",profile="quick"}} 1 {BEGIN + 900}.000'
    ]
    for precision, repeat, phases in windows:
        for phase, times in phases.items():
            labels = f'{common},task="brain-mri",precision="{precision}",repeat="{repeat}"'
            for edge, time in zip(("start", "end"), times, strict=True):
                if time is not None:
                    name = f"wattscan_run_phase_{edge}_timestamp_seconds"
                    told = f'{name}{{{labels},phase="{phase}"}} {BEGIN + time} {BEGIN + 900}.000'
                    lines.append(told)
    (folder / "recording.om").write_text("\n".join(lines) + "\n" + tail)


def whole(begin):
    return {p: (begin + 10 * n, begin + 10 * n + 10) for n, p in enumerate(PHASES)}


def test_a_window_is_kept_when_all_its_phases_have_ended(tmp_path):
    cut = {**whole(140), "cooldown": (170, None)}
    recording(tmp_path, [("fp32", 1, whole(100)), ("int8", 1, cut)])
    assert [(w.precision, w.repeat) for w in finished_windows(tmp_path)] == [("fp32", "1")]


def test_a_second_attempt_that_was_cut_short_is_not_mistaken_for_the_first(tmp_path):
    """Its idle phase ended after what the first attempt left of its load."""
    again = {**whole(100), "idle": (500, 510)}
    recording(tmp_path, [("fp32", 1, again)])
    assert finished_windows(tmp_path) == []


@pytest.mark.parametrize("text", [None, "", "up{} 1 900.000\n"])
def test_one_that_was_cut_short_before_it_began_has_none(tmp_path, text):
    if text is not None:
        (tmp_path / "recording.om").write_text(text)
    assert finished_windows(tmp_path) == []


@pytest.mark.parametrize("tail", ["up{} 0 901.0", "# EOF\n", "# EOF\nup{} 1 90", ""])
def test_a_recording_is_gone_on_with_behind_its_last_whole_line(tmp_path, tail):
    path = tmp_path / "recording.om"
    path.write_text(f"# TYPE up gauge\nup{{}} 1 900.000\n{tail}")
    reopen(path)
    assert path.read_text() == "# TYPE up gauge\nup{} 1 900.000\n"
    recorder = Recorder(path)
    recorder.start(append=True)
    assert list(recorder._lines("# TYPE up gauge\nup 1\n", 'a="b"', 901.0)) == [
        'up{a="b"} 1 901.000\n'
    ], "a family is described once"
    recorder.stop(complete=True)
    assert path.read_text().endswith("900.000\n# EOF\n")


def test_the_record_is_read_as_it_was_written(tmp_path):
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) == RECORD


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "has no run.json"),
        ("{", "is not a run's"),
        ("[]", "is not a run's"),
        (json.dumps({"tasks": []}), "is not a run's"),
        (json.dumps({"tasks": [], "colour": "red"}), "is not a run's"),
    ],
)
def test_what_is_no_run_is_told(tmp_path, content, told):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(WattscanError, match=told):
        read_record(tmp_path)
    with pytest.raises(WattscanError, match="there is no run in"):
        read_record(tmp_path / "nowhere")
