"""`wattscan compare` on the command line: recordings, folders, servers, exit codes."""

import json
import shutil

import jsonschema
import pytest
from compared_runs import spec
from servers import prometheus
from synthetic import recording

from wattscan.cli import main
from wattscan.collector.compare_cli import place_of
from wattscan.collector.compare_json import SCHEMA

RUNS = {
    "base": spec(run="base"),
    "worse": spec(
        run="worse", start=1_732_386_400.0, load_watts={"fp32": 20.0, "int8": 18.0}
    ),
    "quick": spec(run="quick", profile="quick", start=1_732_486_400.0),
    "invalid": spec(run="invalid", start=1_732_586_400.0, generator_cpu=0.95),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    for name, made in RUNS.items():
        (folder / f"{name}.om").write_text(recording(made), encoding="utf-8")
    (folder / "run").mkdir()
    shutil.copy(folder / "worse.om", folder / "run" / "recording.om")
    (folder / "run" / "warnings.txt").write_text("When the run began: It is busy.\n")
    return folder


def compare(*arguments):
    return main(["compare", *map(str, arguments)])


@pytest.mark.parametrize(
    ("a", "b", "options", "code"),
    [
        ("base.om", "base.om", (), 0),
        ("base.om", "worse.om", (), 1),
        ("worse.om", "base.om", (), 0),
        ("base.om", "run", (), 1),
        ("base.om", "worse.om", ("--threshold-energy", "20%"), 0),
        ("base.om", "quick.om", (), 0),
        ("base.om", "invalid.om", (), 2),
    ],
)
def test_exit_codes(folder, capsys, a, b, options, code):
    assert compare(folder / a, folder / b, *options) == code
    told = capsys.readouterr()
    assert told.out.startswith("# Wattscan: ")
    assert ("cannot" in told.err or "can be compared" in told.err) == (code == 2)


def test_the_page(folder, capsys):
    assert compare(folder / "base.om", folder / "run") == 1
    told = capsys.readouterr().out
    assert told.startswith("# Wattscan: worse against base\n\nWorse beyond the threshold")
    assert "- brain MRI INT8, gross: worse by 12.5 % (" in told
    assert "- B, the new one, warning. When the run began: It is busy." in told
    assert "| brain MRI INT8   | gross [J/image] " in told


@pytest.mark.parametrize("b", ["base", "worse", "quick", "invalid"])
def test_json_keeps_to_its_schema_and_says_what_the_exit_code_is(folder, capsys, b):
    code = compare(folder / "base.om", folder / f"{b}.om", "--json")
    document = json.loads(capsys.readouterr().out)
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["exit_code"] == code
    assert (document["a"]["run"], document["b"]["run"]) == ("base", b)
    assert document["same_run"] == (b == "base")
    assert [each["name"] for each in document["load_differs"]] == (
        ["profile"] if b == "quick" else []
    )
    if b == "worse":
        worse = {"task": "brain-mri", "precision": "int8", "figure": "gross"}
        assert document["worse_beyond_threshold"] == [worse]
        gross = document["cells"][1]["figures"][0]
        assert gross["ratio"] == pytest.approx(1.125)
        assert gross["low"] < gross["ratio"] < gross["high"]


@pytest.mark.slow
def test_runs_of_one_prometheus_are_named_behind_its_address(
    folder, tmp_path, capsys, need_program
):
    need_program("prometheus", "prometheus")
    need_program("promtool", "prometheus")
    with prometheus([folder / f"{name}.om" for name in ("base", "worse")], tmp_path) as address:
        assert compare(f"{address}#base", f"{address}#worse", "--json") == 1
        asked = json.loads(capsys.readouterr().out)
        # Without a name it is the newest.
        assert compare(address, f"{address}#worse") == 0
        assert "Both are the same run" in capsys.readouterr().out
        assert compare(folder / "base.om", f"{address}#none-such") == 2
        assert "there is no run 'none-such'" in capsys.readouterr().err
    assert compare(folder / "base.om", folder / "worse.om", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    for each in (asked, told):
        each["a"].pop("source")
        each["b"].pop("source")
    assert asked == told


def test_runs_of_one_recording_are_named_behind_its_path(folder, tmp_path, capsys):
    whole = (folder / "base.om").read_text().removesuffix("# EOF\n")
    (tmp_path / "both.om").write_text(whole + (folder / "worse.om").read_text())
    assert compare(f"{tmp_path}/both.om#base", f"{tmp_path}/both.om#worse") == 1
    assert "# Wattscan: worse against base" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "source", "run"),
    [
        ("http://host:9090", "http://host:9090", None),
        ("http://host:9090#run-1", "http://host:9090", "run-1"),
        ("http://host:9090/prom#a#b", "http://host:9090/prom", "a#b"),
        ("http://host:9090#", "http://host:9090", None),
        ("runs/x", "runs/x", None),
        ("runs/x#y", "runs/x", "y"),
    ],
)
def test_places(text, source, run):
    assert place_of(text) == (source, run)


def test_a_path_with_a_sign_of_its_own(tmp_path):
    path = tmp_path / "a#b"
    path.mkdir()
    assert place_of(str(path)) == (str(path), None)
    assert place_of(f"{path}#c") == (str(path), "c")


@pytest.mark.parametrize("percent", ["5", "0.05", "five%", "-1%", "nan%", "%"])
def test_a_threshold_is_a_percentage(folder, capsys, percent):
    with pytest.raises(SystemExit) as ended:
        compare(folder / "base.om", folder / "worse.om", f"--threshold-energy={percent}")
    assert ended.value.code == 2
    assert "is not a percentage from 0% on, such as 5%" in capsys.readouterr().err


def test_a_run_that_is_not_there_is_told(folder, capsys):
    assert compare(folder / "base.om", folder / "none.om") == 2
    assert "none.om cannot be read" in capsys.readouterr().err
