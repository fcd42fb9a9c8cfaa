"""A run's record: read as it was written, and never believed blindly."""

import json
import os
from dataclasses import asdict, replace

import pytest

from wattscan import __version__
from wattscan.bench.record import Record, read_record, write_record
from wattscan.contracts import WattscanError

RECORD = Record("cpu", "quick", "SingleStream", ("brain-mri",), "models", 2022, 20.0, "/sys")
GOOD = asdict(RECORD)


def test_the_record_is_read_as_it_was_written(tmp_path):
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_an_older_record_has_no_run_and_no_version(tmp_path):
    older = {name: value for name, value in GOOD.items() if name not in ("run", "version")}
    (tmp_path / "run.json").write_text(json.dumps(older))
    assert read_record(tmp_path) == RECORD


def test_a_record_from_before_variants_were_named_has_fp32_and_int8(tmp_path):
    older = {name: value for name, value in GOOD.items() if name not in ("variants", "reference")}
    (tmp_path / "run.json").write_text(json.dumps(older))
    found = read_record(tmp_path)
    assert found.measured == dict.fromkeys(found.tasks, ("fp32", "int8"))
    assert found.reference == "fp32"


def test_variants_are_read_as_they_were_written(tmp_path):
    record = replace(RECORD, variants={RECORD.tasks[0]: ("fp32", "fp16")}, reference="fp16")
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_a_record_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    write_record(tmp_path, RECORD)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_record(tmp_path, Record(**{**GOOD, "seed": 1}))
    assert read_record(tmp_path) == RECORD


@pytest.mark.parametrize(
    "content, told",
    [
        (None, r"has no run\.json"),
        (b"{", "does not say how a run was made"),
        (b"", "does not say how a run was made"),
        (b"[]", "it is not a JSON object"),
        (b"null", "it is not a JSON object"),
        (b'{"tasks": ["\xff"]}', "does not say how a run was made"),
        (b'{"tasks": ' + b"[" * 100_000, "does not say how a run was made"),
        (b'{"seed": ' + b"1" * 5_000 + b"}", "does not say how a run was made"),
        (b'{"tasks": []}', "it lacks target, profile, "),
    ],
)
def test_what_is_no_record_is_told(tmp_path, content, told):
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(WattscanError, match=told):
        read_record(tmp_path)


def test_a_folder_in_its_place_is_told(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(WattscanError, match="cannot be read: Is a directory"):
        read_record(tmp_path)
    with pytest.raises(WattscanError, match="there is no run in"):
        read_record(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name, value",
    [
        *(
            (name, value)
            for name in GOOD
            for value in (None, {}, [[]], True)
            if (name, value) not in (("variants", {}), ("workload", {}), ("rates", {}))
        ),
        *(("rates", {"a": rate}) for rate in (0, "1", float("nan"))),
        *(("variants", {"a": names}) for names in ([], [1], "fp32", ["a", "a"])),
        ("variants", {"": ["fp32"]}),
        *((name, 5) for name, value in GOOD.items() if isinstance(value, str)),
        *((name, "a\0b") for name, value in GOOD.items() if isinstance(value, str)),
        *((name, "\ud800") for name, value in GOOD.items() if isinstance(value, str)),
        *((name, "5") for name in ("seed", "rate", "parts", "tasks")),
        *(("tasks", tasks) for tasks in ([], [1], ["a", "a"], [""])),
        *(("rate", rate) for rate in (0, -1, float("nan"), float("inf"), 10**400)),
        *(("parts", parts) for parts in (0, -3, 1.5)),
        *(("target_instance", text) for text in ('a"b', "a\nb", "a b", "\u00e9")),
        ("target", ""),
        ("models", ""),
        ("seed", 1.5),
    ],
)
def test_a_wrong_value_is_named(tmp_path, name, value):
    (tmp_path / "run.json").write_text(json.dumps({**GOOD, name: value}))
    with pytest.raises(WattscanError, match=f"does not say how a run was made: {name} must be "):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"colour": "red"}, "another version of Wattscan: .* does not know the field 'colour'"),
        ({"profile": "weird", "version": "9.8"}, "Wattscan 9.8: .* the profile 'weird'"),
        ({"scenario": "Weird", "version": __version__}, "another version .* scenario 'Weird'"),
    ],
)
def test_a_record_of_another_version_is_called_so(tmp_path, change, told):
    (tmp_path / "run.json").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(WattscanError, match=told) as raised:
        read_record(tmp_path)
    assert f"this one, {__version__}," in str(raised.value)
