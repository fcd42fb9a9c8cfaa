"""What shapes a run's load is read, told, and repeated by the command of the report."""

import itertools
import shlex

import pytest
from synthetic import Spec, recording

from wattscan.collector.compare_facts import facts_of_both, load_differences
from wattscan.collector.method import command
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.run_workload import RunWorkload, described
from wattscan.workload_files import load_workload
from wattscan.workloads import Workload


def report(spec):
    return report_of(parse_recording(recording(spec).encode(), "r"))


def test_a_recording_from_before_has_none():
    measured = report(Spec()).measured
    assert measured.run.workload == RunWorkload()
    assert described(measured.run.workload, "SingleStream") == ""
    assert measured.run.workload.images_per_query("MultiStream") == 8


@pytest.mark.parametrize("name", ["clinic-day", "offline-brain-mri"])
def test_a_shipped_workload_is_told_in_short(name):
    workload = load_workload(name)
    told = described(RunWorkload(settings=workload.settings), workload.scenario)
    assert told.startswith(f"{name}, protocol wattscan.v1")
    assert "images" not in told and "find rate" not in told
    assert ("rate 2.1" in told) == (name == "clinic-day")


def test_the_command_repeats_the_load():
    settings = Workload(
        scenario="Server", protocol="oip", batch=4, rate=12.5, latency_bound=0.5, clients=3
    ).settings
    words = shlex.split(command(report(Spec(workload=settings)).measured))
    pairs = dict(itertools.pairwise(words))
    assert (pairs["--protocol"], pairs["--batch"], pairs["--rate"]) == ("oip", "4", "12.5")
    assert (pairs["--latency-bound"], pairs["--clients"]) == ("0.5", "3")
    assert pairs["--run-profile"] == "standard" and "--images" not in words


def test_the_command_names_the_file_of_a_shape():
    day = load_workload("clinic-day").settings
    words = shlex.split(command(report(Spec(workload=day)).measured))
    assert words[words.index("--workload") + 1] == "clinic-day" and "--shape" not in words


def test_runs_that_differ_in_it_are_told():
    one, other = (
        report(Spec(workload=Workload(protocol="oip", clients=n).settings)).measured for n in (1, 8)
    )
    (fact,) = load_differences(facts_of_both(one, other))
    assert (fact.name, fact.a, fact.b) == ("workload: clients", "1", "8")


@pytest.mark.parametrize(
    ("settings", "scenario", "requests", "images"),
    [
        ({}, "MultiStream", (8, 8), 8),
        ({"protocol": "oip"}, "MultiStream", (1, 8), 8),
        ({"protocol": "tfs", "batch": "4"}, "Offline", (1, 1), 4),
        ({"protocol": "wattscan.v1"}, "Server", (1, 1), 1),
    ],
)
def test_what_a_query_is(settings, scenario, requests, images):
    workload = RunWorkload(settings=settings)
    assert workload.requests_per_query(scenario) == requests
    assert workload.images_per_query(scenario) == images
