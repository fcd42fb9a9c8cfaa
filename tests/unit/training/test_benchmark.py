"""The timing of the models, and its table."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import benchmark
from wattscan.training.benchmark import Timing

NERVE = ("nerve-ultrasound-fp32", "nerve-ultrasound-int8")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def copied(folder: Path, pattern: str) -> Path:
    """What matches of the committed nerve models."""
    for name in NERVE:
        for path in (models_folder() / name).glob(pattern):
            target = folder / path.relative_to(models_folder())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return folder


def cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def timing(backend: str, precision: str, *milliseconds: float, network: str = "n") -> Timing:
    return Timing(network, backend, precision, tuple(ms / 1e3 for ms in milliseconds))


def test_every_engine_has_a_row_and_the_best_of_each_has_one(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="an engine is timed")
    pytest.importorskip("ai_edge_litert", reason="an engine is timed")
    printed = benchmark.benchmark([copied(tmp_path, "**/*.*")], rounds=2, threads=1)
    heading, table, auto = printed.split("\n\n")
    assert "1 thread(s)" in heading
    assert "2 interleaved rounds" in heading
    assert [row[1] for row in cells(auto)] == ["openvino, not tuned"] * 2
    rows = cells(table)
    engines = [row[1] for row in rows]
    assert {"onnxruntime", "litert"} <= set(engines)
    assert len(engines) == len(set(engines))
    assert engines[-1] == "best of each"
    assert all(row[0].startswith("nerve-ultrasound: unet") for row in rows)
    for column in (2, 3):
        figures = [float(row[column]) for row in rows]
        assert figures[-1] == min(figures) > 0
    assert all(float(row[4]) > 0 for row in rows)


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WattscanError, match=r"holds no \*/card\.json"):
        benchmark.benchmark([tmp_path], rounds=1, threads=1)


def test_models_that_no_engine_runs_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cards_alone = copied(tmp_path, "card.json")
    with pytest.raises(WattscanError, match="none of these models could be opened"):
        benchmark.benchmark([cards_alone], rounds=1, threads=1)
    assert f"{NERVE[0]}: without litert: " in capsys.readouterr().err


def test_one_variant_alone_has_no_ratio(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="an engine is timed")
    models = copied(tmp_path, "**/*.*")
    shutil.rmtree(models / NERVE[1])
    _, table, _ = benchmark.benchmark([models], rounds=1, threads=1).split("\n\n")
    rows = cells(table)
    assert {len(row) for row in rows} == {3}, "network, engine, FP32"


def test_each_variant_has_a_column_and_a_ratio_to_fp32() -> None:
    timings = [timing("a", "fp32", 8), timing("a", "int8-ptq", 4), timing("b", "fp16", 6)]
    heading = benchmark._table(timings).splitlines()[0]
    assert heading.endswith("| FP32 | FP16 | INT8-PTQ | FP32 / FP16 | FP32 / INT8-PTQ |")
    assert cells(benchmark._table(timings))[0] == ["n", "a", "8.0", "-", "4.0", "-", "2.00"]


def test_figures_are_medians_in_milliseconds_and_the_ratio_is_fp32_over_int8() -> None:
    table = benchmark._table([timing("a", "fp32", 8, 90, 9), timing("a", "int8", 4, 3, 3)])
    assert cells(table)[0] == ["n", "a", "9.0", "3.0", "3.00"]


def test_the_ratio_is_of_each_round() -> None:
    """The second round was disturbed: both took twice as long in it."""
    table = benchmark._table([timing("a", "fp32", 4, 8, 5), timing("a", "int8", 2, 4, 2.5)])
    assert cells(table)[0][4] == "2.00"


def test_the_best_of_each_may_be_two_engines() -> None:
    timings = [
        timing("a", "fp32", 6),
        timing("a", "int8", 5),
        timing("b", "fp32", 8),
        timing("b", "int8", 2),
    ]
    assert cells(benchmark._table(timings))[-1] == ["n", "best of each", "6.0", "2.0", "3.00"]


def test_an_engine_that_runs_one_variant_has_a_dash_for_the_other() -> None:
    timings = [timing("a", "int8", 5), timing("b", "fp32", 8), timing("b", "int8", 6)]
    table = cells(benchmark._table(timings))
    assert table[0] == ["n", "a", "-", "5.0", "-"]
    assert table[-1] == ["n", "best of each", "8.0", "5.0", "1.60"]


def test_what_auto_takes_is_compared_with_the_best() -> None:
    timings = [
        replace(timing(name, "int8", *milliseconds), auto="a")
        for name, milliseconds in (("a", (5, 6, 11)), ("b", (4, 5, 9)))
    ]
    assert cells(benchmark._auto_table(timings)) == [
        ["n, INT8", "a", "6.0", "b", "5.0", "1.22"],
    ]


def test_an_engine_that_is_not_here_has_no_figure() -> None:
    assert cells(benchmark._auto_table([timing("a", "int8", 5)])) == [
        ["n, INT8", "openvino, not tuned", "-", "a", "5.0", "-"]
    ]


def test_networks_are_not_mixed() -> None:
    timings = [
        timing("a", precision, ms, network=network)
        for network, ms in (("small", 1), ("large", 7))
        for precision in ("fp32", "int8")
    ]
    assert [row[:3] for row in cells(benchmark._table(timings))] == [
        ["small", "a", "1.0"],
        ["small", "best of each", "1.0"],
        ["large", "a", "7.0"],
        ["large", "best of each", "7.0"],
    ]
