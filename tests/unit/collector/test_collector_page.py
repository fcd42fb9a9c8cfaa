"""The page: its marks, plots and facts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from edits import without
from page_rig import page, reduced

from wattscan.collector import details, facts, headline, method, plot_phases, plots
from wattscan.collector.device import Device
from wattscan.collector.render_html import _length

BAD_QUALITY = {"fp32": 0.9, "int8": 0.88}


def reordered(run, precisions):
    """The run with one task's windows in another order of variants."""
    windows = tuple(
        replace(window, precision=precision)
        for window, precision in zip(run.windows, precisions, strict=False)
    )
    return replace(run, windows=windows)


@pytest.mark.parametrize(
    ("settings", "tone", "said"),
    [
        ({}, "good", "INT8 saves"),
        ({"load_watts": {"fp32": 20.0, "int8": 46.0}}, "bad", "INT8 costs 15% more than FP32"),
        ({"load_watts": {"fp32": 20.0, "int8": 40.0}}, "neutral", "no difference shown"),
        ({"quality": BAD_QUALITY}, "neutral", "no saving is claimed"),
        ({"precisions": ("int8",)}, "neutral", "only INT8 was measured"),
        ({"profile": "quick", "load_watts": {"fp32": 20.0, "int8": 46.0}}, "bad", "about 15% more"),
    ],
)
def test_only_a_saving_is_green(settings, tone, said):
    report = reduced(wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0), **settings)
    ratio = report.measured.ratio("brain-mri", "int8")
    assert headline.tone(report.measured, ratio) == tone
    assert said in headline.ratio_saving(report.measured, ratio)
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


def device(facts_of_machine):
    """A device of which only the machine's facts are asked."""
    return cast(Device, SimpleNamespace(machines=(facts_of_machine,)))


def test_what_is_not_on_record_is_said_and_what_is_there_shown():
    told = dict(facts.machine(device({"processor": "EPYC", "kernel": ""})))
    assert told["Processor"] == "EPYC"
    assert told["Virtual machine"] == told["NVIDIA driver"] == "not on record"
    assert told["Kernel"] == told["Cores"] == "not on record"
    assert (facts.told("2"), facts.told("")) == ("2", "not on record")


@pytest.mark.parametrize(
    ("fact", "heading", "said"),
    [
        ({"virtualization": "none"}, "Virtual machine", "no"),
        ({"virtualization": "virtual machine"}, "Virtual machine", "yes"),
        ({"virtualization": "virtual machine (KVM)"}, "Virtual machine", "yes (KVM)"),
        ({"virtualization": "unknown"}, "Virtual machine", "unknown"),
        ({"driver": "none"}, "NVIDIA driver", "not installed"),
        ({"driver": "NVIDIA 550.54"}, "NVIDIA driver", "550.54"),
    ],
)
def test_a_fact_does_not_repeat_its_heading(fact, heading, said):
    assert dict(facts.machine(device(fact)))[heading] == said


def test_each_window_has_a_row():
    report = reduced(profile="quick")
    rows = details.windows(report.measured).rows
    assert len(rows) == 4
    assert rows[0].text("queries").endswith(" / 0 / 0")
    assert rows[0].text("coverage") == "100.0"
    assert rows[0].text("load") == "10.0"


def test_the_command_repeats_the_run():
    said = method.command(reduced(profile="quick").measured)
    assert said.startswith(
        ".venv/bin/wattscan bench --target cpu --run-profile quick --scenario SingleStream"
    )
    assert said.endswith("--task brain-mri")


BEGIN = 1_732_286_400.0


def resumed():
    """A quick run whose last load was begun at 43 s, cut short at 50 s, and made again at 68 s."""

    def earlier(sample):
        if sample.name != "wattscan_run_info":
            return
        own = {name: sample.labels[name] for name in ("job", "instance", "run", "target")}
        yield sample._replace(name="wattscan_run_parts", labels=own, value=2.0)
        if BEGIN + 45 <= sample.at < BEGIN + 50:
            window = {"task": "brain-mri", "precision": "fp32", "repeat": "2", "phase": "load"}
            name = "wattscan_run_phase_start_timestamp_seconds"
            yield sample._replace(name=name, labels={**own, **window}, value=BEGIN + 43)

    gap = without("wattscan_power_watts", start=BEGIN + 50.5, end=BEGIN + 57.5)
    return reduced(profile="quick", interval=1.0, more=(earlier,), edits=(gap,))


def test_a_load_that_was_cut_short_is_shaded_to_its_end():
    measured = resumed().measured
    (lost,) = measured.run.repeated
    assert (lost.task, lost.precision, lost.repeat) == ("brain-mri", "fp32", "2")
    assert lost.phases["load"].start == BEGIN + 43 and lost.phases["load"].end is None
    assert plot_phases.watched_until(measured.device.table.power, BEGIN + 43) == BEGIN + 50
    text = page(resumed())
    assert "A dashed edge marks a load that was cut short" in text
    whole = page(reduced(profile="quick", interval=1.0))
    assert "A dashed edge" not in whole
    drawn, without_it = (
        plots.timeline(report.measured).count("stroke-dasharray")
        for report in (resumed(), reduced(profile="quick", interval=1.0))
    )
    assert drawn - without_it == 2  # in the panels of power and of temperature


def test_a_load_without_an_end_is_shaded_too():
    lost = without("wattscan_run_phase_end_timestamp_seconds", repeat="2", precision="fp32")
    measured = reduced(profile="quick", edits=(lost,), end=False).measured
    assert plot_phases.has_cut_short(measured.run)
    assert plots.timeline(measured).count("stroke-dasharray") == 2


def test_the_last_load_is_seen_where_the_run_was_cut_short_in_it():
    last: dict[str, Any] = {"repeat": "2", "precision": "fp32"}
    lost = (
        without("wattscan_run_phase_end_timestamp_seconds", phase="load", **last),
        without("wattscan_run_phase_start_timestamp_seconds", phase="cooldown", **last),
        without("wattscan_run_phase_end_timestamp_seconds", phase="cooldown", **last),
    )
    measured = reduced(profile="quick", interval=1.0, edits=lost, end=False).measured
    assert measured.run.end == BEGIN + 68
    # Its series goes on, but no load of the profile is longer than this.
    assert plot_phases.end_of(measured.run, measured.device.table.power) == BEGIN + 78


def test_the_length_of_a_resumed_run_tells_measured_from_elapsed():
    said = "1 min 20 s measured in 2 parts, 1 min 20 s from start to end"
    assert said in page(resumed())
    assert "<dd>1 min 20 s</dd>" in page(reduced(profile="quick"))
    assert _length(7_384) == "2 h 3 min"
