"""What a run has recorded before it goes on."""

from dataclasses import replace

import pytest
from resume_rig import ALL, BEGIN, RECORD, recording, whole

from wattscan.bench.recorder import Recorder
from wattscan.bench.resume import Past, read_past, reopen
from wattscan.contracts import WattscanError


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
