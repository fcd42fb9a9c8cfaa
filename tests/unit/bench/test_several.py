"""Several services one after the other: one fails, the others are measured and reported."""

import json
from pathlib import Path

import pytest
from made_targets import LATER, spec_of
from synthetic import recording

from wattscan.bench import several
from wattscan.bench.options import BenchOptions, Endpoint
from wattscan.bench.several import measure_each, tell_of_report_across
from wattscan.collector.report import collect, write
from wattscan.contracts import WattscanError
from wattscan.workloads import Workload


@pytest.fixture
def options(tmp_path):
    out = tmp_path / "runs"
    return BenchOptions("cpu", Workload(), tmp_path / "models", out, Path("/sys"))


def endpoints(*addresses):
    return [Endpoint(address, f"http://{address}/metrics") for address in addresses]


def measure(options):
    """As `bench` does; the service `down` cannot be reached, `dies` ends within its run."""
    name = options.endpoint.address.partition(":")[0]
    if name == "down":
        raise WattscanError("nothing answers at down:8001")
    if name == "stopped":
        raise KeyboardInterrupt
    folder = options.out / f"run-{name}"
    folder.mkdir()
    made = spec_of(name, profile="quick", start=LATER + 1000 * len(name))
    (folder / "recording.om").write_text(recording(made), encoding="utf-8")
    if name == "dies":
        raise WattscanError("the service has ended")
    report = collect(str(folder / "recording.om"))
    write(report, folder)
    return report


def test_one_report_across_all(options, capsys):
    measure_each(options, endpoints("a:8001", "bb:8001"), measure)
    (folder,) = options.out.iterdir()
    assert folder.name.endswith("Z-targets")
    assert {p.name for p in folder.iterdir() if p.is_dir()} == {"run-a", "run-bb"}
    told = capsys.readouterr()
    assert "## Energy across targets" in told.out
    assert told.out.endswith(f"Report across targets: {folder / 'report.html'}\n")
    assert "Service 2 of 2: bb:8001" in told.err
    text = (folder / "report.html").read_text("utf-8")
    assert 'href="run-a/report.html"' in text
    assert (folder / "run-a" / "report.html").is_file()


def test_one_that_fails_does_not_end_the_others(options, capsys, monkeypatch):
    monkeypatch.setattr(several, "how_to_go_on", lambda run: f"To go on: {run.name}")
    with pytest.raises(WattscanError, match="2 of 4 services were not measured: down:8001: nothi"):
        measure_each(options, endpoints("a:8001", "down:8001", "dies:8001", "bb:8001"), measure)
    (folder,) = options.out.iterdir()
    told = capsys.readouterr()
    assert "Not measured: down:8001: nothing answers at down:8001." in told.out
    assert "The service at dies:8001 was not measured: the service has ended" in told.err
    assert "run-dies: To go on: run-dies" in told.err
    document = json.loads((folder / "targets.json").read_text("utf-8"))
    assert [each["name"] for each in document["targets"]] == ["a", "bb"]
    assert [each["endpoint"] for each in document["failures"]] == ["down:8001", "dies:8001"]


def test_where_none_was_measured_there_is_no_folder(options):
    with pytest.raises(WattscanError, match="2 of 2 services were not measured"):
        measure_each(options, endpoints("down:8001", "down:8002"), measure)
    assert list(options.out.iterdir()) == []


def test_an_interruption_ends_all_and_tells_how_to_report(options, capsys):
    with pytest.raises(KeyboardInterrupt):
        measure_each(options, endpoints("a:8001", "bb:8001", "stopped:1", "c:1"), measure)
    (folder,) = options.out.iterdir()
    assert {path.name for path in folder.iterdir()} == {"run-a", "run-bb"}
    sources = f"--source {folder / 'run-a'} --source {folder / 'run-bb'}"
    assert f"collect {sources} --out {folder}" in capsys.readouterr().err


def test_a_run_that_was_resumed_tells_of_the_older_report(options, capsys):
    measure_each(options, endpoints("a:8001", "bb:8001"), measure)
    (folder,) = options.out.iterdir()
    capsys.readouterr()
    tell_of_report_across(folder / "run-a")
    assert (
        "The report across targets does not have this run as it is now: " in capsys.readouterr().err
    )
    tell_of_report_across(folder)
    assert capsys.readouterr().err == ""
