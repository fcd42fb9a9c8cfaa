"""A run that hangs is ended, and what it waited for is told."""

import sys
import time

import pytest

from wattscan.bench import part as part_module
from wattscan.bench.part import Part, Setup
from wattscan.bench.processes import Child
from wattscan.bench.progress import Progress
from wattscan.bench.record import Record, read_record
from wattscan.bench.resume import Past
from wattscan.bench.service import MeasuredService, Reached
from wattscan.contracts import WattscanError

ASKED = Record(
    target="cpu", profile="quick", scenario="SingleStream", tasks=("nerve-ultrasound",),
    models="models", seed=1, rate=20.0, sysfs="/sys", run="r", endpoint="127.0.0.1:1",
    target_metrics="http://127.0.0.1:1/metrics", target_instance="127.0.0.1:1",
)  # fmt: skip


class Service(MeasuredService):
    running = True

    def __init__(self):
        pass

    def start(self):
        raise AssertionError

    def stop(self):
        raise AssertionError

    def failure(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("says", "waited_for"),
    [
        ("", "the load generator to begin"),
        (
            'print(\'{"event": "begin", "task": "t", "precision": "int8", "repeat": 2, '
            '"phase": "load", "seconds": 1, "window": 1, "of": 1}\', flush=True)',
            "load of t int8, repeat 2",
        ),
    ],
)
def test_a_generator_that_says_nothing_is_not_waited_for_for_ever(
    tmp_path, monkeypatch, says, waited_for
):
    monkeypatch.setattr(part_module, "_SLACK_SECONDS", 1.0)
    part = Part(Setup(None, ASKED, tmp_path, Progress()), Past("r"))
    code = f"import time; {says or 'pass'}; time.sleep(60)"
    generator = Child("the load generator", [sys.executable, "-c", code], tmp_path / "log", {})
    generator.start()
    begun = time.monotonic()
    try:
        with pytest.raises(WattscanError, match="has lasted longer than it can") as raised:
            part._follow(generator, Service(), ASKED.target_metrics)
    finally:
        generator.stop()
        part._recorder.stop(False)
    assert f"it waited for {waited_for}; the load generator's log is " in str(raised.value)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(("workload", "least"), [({}, 92), ({"min_seconds": 60.0}, 292)])
def test_the_limit_is_beyond_what_the_run_can_take(tmp_path, workload, least):
    asked = Record(**{**vars(ASKED), "workload": workload})
    part = Part(Setup(None, asked, tmp_path, Progress()), Past("r"))
    assert least < part._longest() < least + 1200


def test_the_limit_counts_what_a_schedule_and_a_search_take(tmp_path):
    due = tmp_path / "due.txt"
    due.write_text("0\n3600\n")
    for workload, least in (
        ({"schedule": str(due)}, 4 * 3600),
        ({"find_rate": True, "latency_bound": 0.1}, 2 * 24 * 600),
    ):
        asked = Record(**{**vars(ASKED), "scenario": "Server", "workload": workload})
        part = Part(Setup(None, asked, tmp_path, Progress()), Past("r"))
        assert part._longest() > least


def test_rates_that_were_found_are_kept_and_given_to_the_next_part(tmp_path, monkeypatch):
    told = 'print(\'{"event": "rate", "task": "nerve-ultrasound", "rate": 12.5}\', flush=True)'
    monkeypatch.setattr(part_module, "_SLACK_SECONDS", 1.0)
    part = Part(Setup(None, ASKED, tmp_path, Progress()), Past("r"))
    code = f"import time; {told}; time.sleep(60)"
    generator = Child("the load generator", [sys.executable, "-c", code], tmp_path / "log", {})
    generator.start()
    try:
        with pytest.raises(WattscanError, match="lasted longer"):
            part._follow(generator, Service(), ASKED.target_metrics)
    finally:
        generator.stop()
        part._recorder.stop(False)
    kept = read_record(tmp_path)
    assert kept.rates == {"nerve-ultrasound": 12.5}
    again = Part(Setup(None, kept, tmp_path, Progress()), Past("r"))
    command = again._generator(Reached("h:1", ASKED.target_metrics, "cpu"))._command
    assert "--found-rate nerve-ultrasound=12.5" in " ".join(command)
