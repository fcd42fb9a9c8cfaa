"""The comparison of servers: figures, tables and options."""

import argparse

import pytest

from loadtest.serving import __main__ as cli
from loadtest.serving import networks, page, repository, running, servers, tables
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.results import (
    CEILING,
    Facts,
    MeasuredServer,
    MedianFigure,
    Results,
    Sample,
    ahead,
    efficiency,
    figure,
    over_rounds,
)
from loadtest.serving.runner import ComparisonOptions, turned
from loadtest.serving.window import TimedStretch, summarise

OURS = MeasuredServer("wattscan", "oip")
THEIRS = MeasuredServer("triton", "oip")


def window(clients=1, cpu=0.01, inferences=100, wall=1.0, p99=0.02):
    return TimedStretch(
        clients, inferences, wall, 0.6 * cpu * inferences, 0.4 * cpu * inferences, 0.01, p99
    )


def results(*samples, absent=None):
    found = Results((1, 4), {"light": (CEILING, OURS, THEIRS)})
    found.samples += [Sample("light", number, entry, w) for number, entry, w in samples]
    found.absent.update(absent or {})
    return found


def test_a_window():
    found = summarise(2, [0.01] * 99 + [0.5], 2.0, 3.0, 1.0)
    assert found.cpu_per_inference == pytest.approx(0.04)
    assert found.throughput == 50
    assert found.p50 == 0.01
    assert found.p99 is not None
    assert summarise(1, [0.01] * 99, 1.0, 1.0, 0.0).p99 is None
    with pytest.raises(ValueError, match="nothing was answered"):
        summarise(1, [], 1.0, 1.0, 0.0)


def test_a_figure_is_a_median_with_its_spread():
    assert figure([3.0, 1.0, 2.0]) == MedianFigure(2.0, 1.0, 3.0)
    assert figure([]) is None
    assert MedianFigure(1, 0.9, 1.1).below(MedianFigure(2, 1.2, 3))
    assert not MedianFigure(1, 0.9, 1.3).below(MedianFigure(2, 1.2, 3))


def test_efficiency_is_taken_round_by_round():
    # The second round is slow for both: the ratio is not.
    found = results(
        (0, CEILING, window(cpu=0.010)),
        (1, CEILING, window(cpu=0.020)),
        (0, OURS, window(cpu=0.0125)),
        (1, OURS, window(cpu=0.0250)),
    )
    ratio = efficiency(found, "light", OURS, 1)
    assert ratio is not None
    assert (ratio.low, ratio.high) == pytest.approx((0.8, 0.8))
    assert efficiency(found, "light", OURS, 4) is None


def test_a_figure_of_windows_with_a_gap_is_none():
    found = results((0, OURS, window()), (1, OURS, window(p99=None)))
    assert over_rounds(found, ("light", OURS, 1), of=lambda w: w.p99) is None
    assert over_rounds(found, ("light", OURS, 1), of=lambda w: w.p50) == MedianFigure(
        0.01, 0.01, 0.01
    )


def test_who_is_ahead_of_us():
    found = results(
        *[(n, CEILING, window()) for n in range(2)],
        *[(n, OURS, window(cpu=0.02, wall=2.0)) for n in range(2)],
        *[(n, THEIRS, window(cpu=0.015, wall=2.0)) for n in range(2)],
    )
    assert ahead(found, "light", "wattscan") == [(THEIRS, 1, "CPU efficiency")]
    assert "- triton, Open Inference Protocol, 1 client: CPU efficiency" in tables.render(
        found, servers.SPECS, {}
    )


@pytest.mark.parametrize(("ours", "theirs", "told"), [(0.03, 0.02, True), (0.02, 0.03, False)])
def test_whose_slowest_answers_come_sooner(ours, theirs, told):
    found = results(
        *[(n, CEILING, window()) for n in range(2)],
        *[(n, OURS, window(p99=ours)) for n in range(2)],
        *[(n, THEIRS, window(p99=theirs)) for n in range(2)],
    )
    assert ahead(found, "light", "wattscan") == ([(THEIRS, 1, "percentile 99")] if told else [])
    found.samples.append(Sample("light", 2, OURS, window(p99=None)))
    assert ahead(found, "light", "wattscan") == []


def test_tables_name_what_was_not_run():
    absent = {("light", THEIRS): "not installed: a | b"}
    found = results((0, CEILING, window()), (0, OURS, window(cpu=0.0125)), absent=absent)
    found.facts["wattscan", "light"] = Facts(1, 0.5, 0.012, [100_000_000, 120_000_000])
    text = tables.render(found, servers.SPECS, {"wattscan": "wattscan 1"})
    assert "| triton, Open Inference Protocol | not run: not installed: a / b |  |  |" in text
    assert "| wattscan, Open Inference Protocol | 0.800 (0.800 to 0.800) | - | - |" in text
    assert "| wattscan 1 | 1 | 110 | 0.50 | 1.2 |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| triton,")}
    assert widths == {5}


def test_the_page_keeps_what_is_around_its_marks():
    text = f"before\n{page.BEGIN}\nold\n{page.END}\nafter"
    assert page.replaced(text, "new") == f"before\n{page.BEGIN}\n\nnew\n\n{page.END}\nafter"
    with pytest.raises(BenchmarkError, match="marks"):
        page.replaced("no marks", "new")
    page.replaced(cli.PAGE.read_text(encoding="utf-8"), "new")


def test_the_heading_names_the_command_without_this_machines_paths(monkeypatch):
    monkeypatch.setattr(page.h2load, "version", lambda: "h2load nghttp2/1.52.0")
    options = ComparisonOptions(2, 1.0, (1,), ("light",), ())
    text = page.heading(options, ["--rounds", "2", "--json", "/somewhere/x", "--write"])
    assert "`python -m loadtest.serving --rounds 2 --write`" in text
    assert "windows of about 1 s" in text
    assert "Clients: h2load nghttp2/1.52.0. Bare session: Python 3." in text


def test_every_entry_comes_first_in_its_round():
    assert [turned("abc", number)[0] for number in range(4)] == ["a", "b", "c", "a"]


def test_the_environment_is_the_same_for_all(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("HTTPS_PROXY", "elsewhere")
    assert not {"MALLOC_ARENA_MAX", "HTTPS_PROXY"} & running.environment({}).keys()
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert running.environment({})["OPENBLAS_NUM_THREADS"] == "1"
    variant = servers.with_malloc(servers.SPECS[0])
    assert running.environment(variant.variables)["MALLOC_TRIM_THRESHOLD_"] == str(512 << 20)
    assert variant.name == "wattscan+malloc"


def test_the_repositories(tmp_path):
    target = repository.write_target(tmp_path).read_text(encoding="utf-8")
    assert 'name = "onnxruntime"' in target
    assert "[[sensors]]" in target
    plain = repository.write_plain(tmp_path / "a", "light")
    assert (plain / "light" / "model.toml").is_file()
    task = repository.write_task(tmp_path / "b", "light")
    assert networks.SHA256["light"] in (task / "brain-mri-fp32" / "card.json").read_text()


def test_a_peer_that_is_not_installed_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "ROOT", tmp_path)
    spec = next(spec for spec in servers.SPECS if spec.environment)
    with (
        pytest.raises(BenchmarkError, match="not installed: there is no build/benchmark/peers"),
        running.running(spec, "light", tmp_path / "work"),
    ):
        pass


@pytest.mark.parametrize("option", [["--servers", "x"], ["--models", "x"]])
def test_an_unknown_name_is_one_line_and_exit_code_2(option, capsys):
    assert cli.main(option) == 2
    assert capsys.readouterr().err.startswith("loadtest.serving: no ")


def test_options_are_checked():
    assert cli._counts("8,1,1") == (1, 8)
    for text in ("0", "1,0"):
        with pytest.raises(argparse.ArgumentTypeError):
            cli._counts(text)
