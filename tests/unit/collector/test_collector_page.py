"""What the page claims holds for its run: order, bad news, empty plots, what is not on record."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from synthetic import Spec, recording, without

from wattscan.collector import details, facts, headline, method
from wattscan.collector.recording import parse_recording
from wattscan.collector.render_html import html
from wattscan.collector.report import report_of

BAD_QUALITY = {"fp32": 0.9, "int8": 0.88}


def reduced(**settings):
    return report_of(parse_recording(recording(Spec(**settings)).encode(), "recording.om"))


def page(report):
    return html(report.measured, report.tables)


def reordered(run, precisions):
    """The run with one task's windows in another order of variants."""
    windows = tuple(
        replace(window, precision=precision)
        for window, precision in zip(run.windows, precisions, strict=False)
    )
    return replace(run, windows=windows)


def test_an_invalid_cell_s_joules_are_marked_wherever_they_are_said():
    report = reduced(profile="quick", quality=BAD_QUALITY)
    assert "0.320 J (brain MRI, invalid)" in report.headline
    text = page(report)
    assert '<div class="big">0.320 J (invalid)</div>' in text
    assert "0.320 J</div>" not in text
    # In both widths' plots.
    assert text.count(">invalid</text>") == 2 or text.count("invalid</tspan>") == 2


@pytest.mark.parametrize(
    ("settings", "tone", "said"),
    [
        ({}, "good", "INT8 saves"),
        ({"load_watts": {"fp32": 20.0, "int8": 46.0}}, "bad", "INT8 costs 15% more than FP32"),
        ({"load_watts": {"fp32": 20.0, "int8": 40.0}}, "neutral", "no difference shown"),
        ({"quality": BAD_QUALITY}, "neutral", "no saving is claimed"),
        ({"precisions": ("int8",)}, "neutral", "only one variant was measured"),
        ({"profile": "quick", "load_watts": {"fp32": 20.0, "int8": 46.0}}, "bad", "about 15% more"),
    ],
)
def test_only_a_saving_is_green(settings, tone, said):
    report = reduced(wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0), **settings)
    assert headline.tone(report.measured, "brain-mri") == tone
    assert said in headline.task_saving(report.measured, "brain-mri")
    assert f'class="saving {tone}"' in page(report)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (("fp32", "int8", "int8", "fp32"), "FP32 and INT8 alternate"),
        (("fp32", "int8", "fp32", "int8"), "FP32 and INT8 alternate"),
        (("fp32", "fp32", "int8", "int8"), "did not alternate"),
        (("fp32", "int8", "int8"), "did not alternate"),
        (("fp32", "int8"), "did not alternate"),
        (("int8", "int8"), "Only one variant of each task was measured: INT8"),
    ],
)
def test_alternation_is_claimed_only_where_it_was(order, said):
    run = reordered(reduced().measured.run, order)
    run = replace(run, windows=run.windows[: len(order)])
    assert said in method.order(run)


def test_a_run_in_parts_says_so():
    def resumed(sample):
        if sample.name == "wattscan_run_info":
            labels = {"run": sample.labels["run"], "instance": sample.labels["instance"]}
            yield sample._replace(name="wattscan_run_parts", labels=labels, value=2.0)

    assert reduced().measured.run.parts == 1
    report = reduced(more=(resumed,))
    assert report.measured.run.parts == 2
    assert "was interrupted and resumed: it has 2 parts" in page(report)


def test_an_empty_plot_says_why():
    text = page(
        reduced(
            edits=(
                without("wattscan_energy_source_info"),
                without("wattscan_temperature_celsius"),
                without("wattscan_client_latency_seconds_bucket"),
            )
        )
    )
    assert "<svg" not in text
    assert "the target named no domain for the tables" in text
    assert "neither power nor temperature was recorded" in text
    assert "the load generator recorded no latency" in text


def test_what_is_not_on_record_is_said_and_what_is_there_shown():
    told = dict(facts.machine(SimpleNamespace(machines=({"processor": "EPYC", "kernel": ""},))))
    assert told["Processor"] == "EPYC"
    assert told["Kernel"] == told["Cores"] == "not on record"
    assert (facts.told("2"), facts.told("")) == ("2", "not on record")


def test_each_window_has_a_row():
    report = reduced(profile="quick")
    rows = details.windows(report.measured).rows
    assert len(rows) == 4
    assert rows[0].text("queries").endswith(" / 0 / 0")
    assert rows[0].text("coverage") == "100.0"
    assert rows[0].text("load") == "10.0"


def test_the_command_repeats_the_run():
    said = method.command(reduced(profile="quick").measured)
    assert said.startswith("wattscan bench --target cpu --profile quick --scenario SingleStream")
    assert said.endswith("--task brain-mri")
