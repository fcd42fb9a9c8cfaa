"""Workload files: what they may say, and what is told of those that are wrong."""

import argparse
import os
import re
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.metrics import WORKLOAD_SETTINGS
from wattscan.profiles import SCENARIOS
from wattscan.workload_files import (
    load_workload,
    read_schedule,
    read_workload,
    workload_names,
    workloads_folder,
    write_workload,
)
from wattscan.workload_options import add_workload_arguments, one_scenario, workload_of
from wattscan.workload_settings import PROTOCOLS
from wattscan.workloads import Workload, changed


@pytest.mark.parametrize("name", workload_names())
def test_a_shipped_workload_is_read_and_described(name):
    found = load_workload(name)
    assert found.name == name and found.title
    assert found == read_workload(workloads_folder() / f"{name}.toml")


def test_there_is_one_for_each_scenario_and_task():
    found = {(w.scenario, w.tasks) for w in map(load_workload, workload_names())}
    tasks = plugins.names("tasks")
    assert found >= {(scenario, (task,)) for scenario in SCENARIOS for task in tasks}
    assert "clinic-day" in workload_names()


def test_the_busiest_hour_has_a_tenth_of_the_day():
    shape = load_workload("clinic-day").shape
    assert len(shape) == 24 and sum(shape) == pytest.approx(100) and max(shape) == 10.1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('scenari = "Server"', "unknown key scenari; it knows "),
        ('scenario = "Weird"', "scenario must be one of SingleStream, MultiStream, Server, Off"),
        ('protocol = "http"', "protocol must be one of wattscan.v1, oip, oip-shm, tfs"),
        ("rate = 0", "rate must be from one query a day"),
        ("rate = nan", "rate must be "),
        ('rate = "fast"', "rate must be a number"),
        ("in_flight = -1", "in_flight must be a whole number from 1 on"),
        ("clients = 1.5", "clients must be a whole number"),
        ("seed = true", "seed must be a whole number"),
        ('tasks = "brain-mri"', "tasks must be a list of different names"),
        ('tasks = ["a", "a"]', "tasks must be a list of different names"),
        ('variants = ["a/b"]', "the precision is 'a/b'"),
        ("latency_percentile = 100", "between 0 and 100"),
        ("min_seconds = 1e9", "min_seconds must be 86400 s at most"),
        ("shape = [1, 2]", "shape and schedule are of the scenario Server, not SingleStream"),
        ('scenario = "Server"\nshape = [0, 0]', "shape must have a rate above 0"),
        ('scenario = "Server"\nshape = [1]\nschedule = "x"', "a shape or a schedule, not both"),
        ('scenario = "Server"\nfind_rate = true', "find_rate needs the scenario Server, a latency"),
        ('models = ["m"]', "models are asked for over a tensor protocol"),
        ('protocol = "oip"\nmodels = ["m"]\ntasks = ["t"]', "has tasks or models, not both"),
        ('images = "drawn"', "drawn tensors go over a tensor protocol"),
        ("batch = 4", "wattscan.v1 takes an image a request"),
        ("find_rate = 1", "find_rate must be true or false"),
        ("a = [", "is not valid TOML"),
        ("rate = 1e-9", "rate must be from one query a day to 1e6 queries a second"),
        ("in_flight = false", "in_flight must be a whole number"),
        ('scenario = "Server"\nshape = [5e-324, 0]', "relative rates of 0, or from 1e-6 to 1e6"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(WattscanError, match=re.escape(told)) as raised:
        load_workload(str(path))
    assert "mine.toml" in str(raised.value)


def test_one_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(WattscanError, match=r"no workload called 'nope'; there is: clinic-day, "):
        load_workload("nope")
    with pytest.raises(WattscanError, match=r"nope\.toml cannot be read"):
        load_workload("nope.toml")


def test_a_pipe_holds_up_nobody(tmp_path):
    pipe = tmp_path / "mine.toml"
    os.mkfifo(pipe)
    with pytest.raises(WattscanError, match="cannot be read: it is not a regular file"):
        load_workload(str(pipe))
    with pytest.raises(WattscanError, match="cannot be read: it is not a regular file"):
        read_schedule(pipe)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfclients = 3")
    assert load_workload(str(path)).clients == 3
    path.write_bytes(b"\xef\xbb\xbf0.5\n\n+1.5e0\r\n 2.\n")
    assert read_schedule(path) == [0.5, 1.5, 2.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1\n1_0\n", "line 2 is '1_0'"), ("2\n1\n", "line 2 is '1'"), ("0\nnan", "line 2 is 'nan'"),
        ("-1", "line 1 is '-1'"), ("1\n\n1e9", "line 3 is '1e9'"), ("\n", "has no times"),
    ],
)  # fmt: skip
def test_a_schedules_wrong_line_is_named(tmp_path, text, told):
    path = tmp_path / "due.txt"
    path.write_text(text)
    with pytest.raises(WattscanError, match=told):
        read_schedule(path)


def test_paths_of_a_file_are_beside_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('scenario = "Server"\nimages = "frames"\nschedule = "due.txt"')
    found = load_workload(str(path))
    assert found.images == str(tmp_path / "frames")
    assert found.schedule == str(tmp_path / "due.txt")
    # Where somebody keeps their images is nobody's business.
    assert (found.settings["images"], found.settings["schedule"]) == ("folder frames", "due.txt")


names = st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text)


@given(
    scenario=st.sampled_from(SCENARIOS), protocol=st.sampled_from(PROTOCOLS[1:]),
    tasks=st.lists(names, unique=True, max_size=3), title=st.text(), seed=st.integers(-9, 2**62),
    bound=st.floats(0, 100), clients=st.integers(1, 9), batch=st.integers(1, 64),
)  # fmt: skip
def test_what_is_written_is_read_again(
    tmp_path_factory, scenario, protocol, tasks, title, seed, bound, clients, batch
):
    workload = changed(
        Workload(), scenario=scenario, protocol=protocol, tasks=tuple(tasks), title=title,
        seed=seed, latency_bound=bound, clients=clients, batch=batch,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("workload") / "w.toml"
    write_workload(workload, path)
    assert read_workload(path) == workload


def test_every_setting_that_shapes_the_load_is_on_record():
    said = set(asdict(Workload())) - set(WORKLOAD_SETTINGS)
    # `wattscan_run_info` and the windows' labels tell these; the title shapes nothing.
    known = {"tasks", "models", "variants", "reference", "scenario", "seed", "profile", "title"}
    assert said == known
    assert list(Workload().settings) == list(WORKLOAD_SETTINGS)


def asked(*arguments, scenario=None):
    parser = argparse.ArgumentParser()
    add_workload_arguments(parser.add_argument)
    return workload_of(parser.parse_args(arguments), scenario)


def test_an_option_counts_more_than_the_file():
    found = asked("--workload", "server-chest-xray", "--rate", "3", "--task", "brain-mri")
    assert (found.scenario, found.rate, found.tasks) == ("Server", 3.0, ("brain-mri",))
    assert found.latency_bound == load_workload("server-chest-xray").latency_bound
    assert asked("--run-profile", "formal", scenario="Offline").profile == "formal"
    assert asked("--protocol", "oip", "--model", "m", "--model", "m").models == ("m",)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rate", "-1"), "rate must be"),
        (("--protocol", "x"), "protocol must be one of"),
        (("--find-rate",), "find_rate needs the scenario Server"),
        (("--images", "drawn"), "drawn tensors go over a tensor protocol"),
    ],
)
def test_an_option_that_is_wrong_is_told(arguments, told):
    with pytest.raises(WattscanError, match=told):
        asked(*arguments)


def test_one_scenario_is_chosen():
    assert one_scenario(["Server"], False) == "Server"
    assert one_scenario(SCENARIOS, True) is None
    with pytest.raises(WattscanError, match=r"no scenario is chosen: name one of SingleStream, "):
        one_scenario(SCENARIOS, False)
    with pytest.raises(WattscanError, match="2 scenarios are chosen"):
        one_scenario(["Server", "Offline"], True)


@pytest.mark.parametrize("name", ["phantom", "drawn"])
def test_a_folder_of_that_name_is_no_phantom(name):
    assert Workload(images=name, protocol="oip").settings["images"] == name
    assert Workload(images=f"/data/{name}").settings["images"] == f"folder {name}"
