"""Two revisions in turns: the order, what is passed on, and what is left after a failure."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.plan import round_of
from wattscan.bench import run
from wattscan.bench.check_energy import __main__ as check_energy
from wattscan.bench.check_energy import sides as sides_module
from wattscan.bench.check_energy import turns
from wattscan.bench.check_energy.sides import Side
from wattscan.bench.check_energy.turns import Turn, turns_of
from wattscan.bench.options import BenchOptions
from wattscan.bench.record import Record, read_record
from wattscan.bench.service import Code
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.profiles import PROFILES
from wattscan.workloads import Workload

RECORD = Record("cpu", "check", "SingleStream", ("a", "b"), "models", 2022, 20.0, "/sys")
TASKS = ("chest-xray", "nerve-ultrasound")


@pytest.fixture
def parts(monkeypatch):
    """Parts that measure nothing: their arguments, as they come."""
    made = []
    monkeypatch.setattr(run, "announce_run", lambda *_: ())

    class Part:
        def __init__(self, setup, past):
            made.append((setup, past))

        def go(self):
            pass

    monkeypatch.setattr(turns, "Part", Part)
    return made


def two_sides(tmp_path):
    return [
        Side(name, name, models_folder(), Code("python", tmp_path / name / "services"))
        for name in ("base", "head")
    ]


def options(out, **settings):
    workload = replace(Workload(), tasks=TASKS, profile="check", **settings)
    return BenchOptions("cpu", workload, Path("nowhere"), out, Path("/sys"))


def test_the_sides_take_turns_as_the_variants_of_a_run_do():
    found = list(turns_of({"base": RECORD, "head": RECORD}))
    repeats = PROFILES["check"].repeats
    assert found == [
        Turn(side, task, number + 1)
        for task in ("a", "b")
        for number in range(repeats)
        for side in round_of(("base", "head"), number)
    ]
    assert [turn.side for turn in found[:8]] == [*("base", "head", "head", "base"),
                                                 *("head", "base", "base", "head")]  # fmt: skip


def test_a_task_that_only_one_side_has_is_measured_there():
    found = list(turns_of({"base": RECORD, "head": replace(RECORD, tasks=("b", "c"))}))
    assert {turn.side for turn in found if turn.task == "a"} == {"base"}
    assert {turn.side for turn in found if turn.task == "c"} == {"head"}


def test_each_turn_measures_its_own_windows_with_its_own_code(parts, tmp_path):
    with ExitStack() as held:
        folders = turns.measure(two_sides(tmp_path), options(tmp_path / "runs"), held)
    base, head = folders
    assert all(read_record(folder).run == folder.name for folder in folders)
    assert base.name.endswith("-cpu-check-base") and head.name.endswith("-cpu-check-head")
    of_both = {}
    for setup, past in parts:
        side = setup.folder.name.rpartition("-")[2]
        assert setup.code.services == tmp_path / side / "services"
        assert past.run == setup.asked.run == setup.folder.name
        whole = turns._windows(setup.asked)
        mine = whole - past.done
        assert len(mine) == 2 and len({(task, repeat) for task, _, repeat in mine}) == 1
        of_both.setdefault(side, []).append(mine)
        assert setup.asked.parts == len(of_both[side])
    for side in of_both.values():
        assert frozenset().union(*side) == whole
        assert sum(map(len, side)) == len(whole), "each window once"


def test_what_a_part_notes_is_there_in_the_next(parts, tmp_path, monkeypatch):
    def note(part):
        setup, _ = parts[-1]
        if not setup.asked.target_instance:
            turns_record = replace(read_record(setup.folder), target_instance="127.0.0.1:1")
            run.write_record(setup.folder, turns_record)

    monkeypatch.setattr(turns.Part, "go", note)
    with ExitStack() as held:
        turns.measure(two_sides(tmp_path), options(tmp_path / "runs"), held)
    assert [setup.asked.target_instance for setup, _ in parts[:4]] == ["", "", *2 * ["127.0.0.1:1"]]


@pytest.mark.parametrize("error", [KeyboardInterrupt, WattscanError])
def test_a_run_that_ended_early_cannot_go_on_with_another_code(parts, tmp_path, monkeypatch, error):
    def fail(_):
        if len(parts) == 3:
            raise error

    monkeypatch.setattr(turns.Part, "go", fail)
    with pytest.raises(error), ExitStack() as held:
        turns.measure(two_sides(tmp_path), options(tmp_path / "runs"), held)
    for folder in (tmp_path / "runs").iterdir():
        with ExitStack() as held, pytest.raises(WattscanError, match=r"no run\.json.*cannot go on"):
            run.resume(folder, held)


@pytest.fixture
def stood_in(monkeypatch, tmp_path):
    """`main` with stand-ins for the sides and the runs; what they were called with."""
    called: dict[Any, Any] = {"places": []}
    monkeypatch.setattr(check_energy, "end_as_interrupted", lambda: None)
    monkeypatch.setattr(sides_module, "check_root", lambda _: None)

    def prepare(name, revision, root, folder, say):
        folder.mkdir()
        (folder / "file").write_text("")
        called["places"].append(folder)
        called[name] = revision
        return Side(name, str(revision), folder / "models", Code())

    def measure(sides, asked, held):
        called["sides"], called["asked"] = sides, asked
        if isinstance(called.get("raises"), BaseException):
            raise called["raises"]
        return [tmp_path / "a", tmp_path / "b"]

    def compare(args):
        called["compared"] = args
        return called.get("code", 0)

    monkeypatch.setattr(check_energy, "prepare", prepare)
    monkeypatch.setattr(check_energy, "measure", measure)
    monkeypatch.setattr(check_energy, "collect", lambda source: source)
    monkeypatch.setattr(check_energy, "write", lambda report, folder: called.setdefault(folder, 1))
    monkeypatch.setattr(check_energy.compare_cli, "run", compare)
    return called


def test_what_is_asked_for_is_passed_on(stood_in, tmp_path):
    words = ["--base", "main", "--task", "chest-xray", "--variants", "int8", "--strict"]
    words += ["--threshold-energy", "2%", "--backend", "litert", "--out", str(tmp_path / "runs")]
    assert check_energy.main(words) == 0
    assert (stood_in["base"], stood_in["head"]) == ("main", None)
    asked, compared = stood_in["asked"], stood_in["compared"]
    assert (asked.workload.tasks, asked.workload.variants) == (("chest-xray",), ("int8",))
    assert (asked.workload.profile, asked.backend) == ("check", "litert")
    assert (compared.run_a, compared.run_b) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert compared.threshold_energy == 0.02 and compared.strict and not compared.two_machines
    assert stood_in[tmp_path / "a"] and stood_in[tmp_path / "b"], "each has its report"


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        (0, (), "Exit code 0: nothing is shown to be worse beyond its threshold."),
        (1, (), "Exit code 1: something is worse beyond its threshold."),
        (1, ("--strict",), "or is not compared (--strict)."),
        (2, (), "Exit code 2: no energy and no latency could be compared."),
    ],
)
def test_the_exit_code_is_that_of_compare_and_is_explained(stood_in, capsys, code, more, said):
    stood_in["code"] = code
    assert check_energy.main(["--base", "v1", "--head", "v2", *more]) == code
    told = capsys.readouterr()
    assert said in told.err and not told.out
    assert "A is base, v1, B is head, v2." in told.err


@pytest.mark.parametrize("models", [None, "own"])
def test_each_side_serves_its_own_models_unless_a_folder_is_given(stood_in, models):
    more = ["--models", models] if models else []
    check_energy.main(["--base", "main", *more])
    expected = [Path(models)] * 2 if models else [p / "models" for p in stood_in["places"]]
    assert [side.models for side in stood_in["sides"]] == expected


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WattscanError("the service has ended"), 2, "check-energy: the service has ended"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "check-energy: interrupted; its two runs cannot go on"),
    ],
)
def test_nothing_of_the_revisions_is_left(stood_in, capsys, error, code, said):
    stood_in["raises"] = error
    assert check_energy.main(["--base", "main"]) == code
    assert said in capsys.readouterr().err
    assert len(stood_in["places"]) == 2
    assert not any(place.parent.exists() for place in stood_in["places"])
    assert "compared" not in stood_in


def test_a_search_for_the_rate_is_refused(stood_in, capsys):
    words = ["--base", "main", "--scenario", "Server", "--find-rate", "--latency-bound", "1"]
    assert check_energy.main(words) == 2
    assert "--find-rate may find two rates" in capsys.readouterr().err


def test_it_needs_a_base(capsys):
    with pytest.raises(SystemExit):
        check_energy.main([])
    assert "--base" in capsys.readouterr().err


def test_the_code_of_a_side_comes_first_on_the_path(tmp_path):
    env = {"PYTHONPATH": "/mine", "HOME": "/root"}
    assert Code(sys.executable, tmp_path).env(env)["PYTHONPATH"] == f"{tmp_path}:/mine"
    assert Code("python", tmp_path).env({})["PYTHONPATH"] == str(tmp_path)
    assert Code().env(env) == env
