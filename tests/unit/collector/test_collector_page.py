"""What the page claims holds for its run: order, bad news, empty plots, what is not on record."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from synthetic import MODELLED, Spec, recording, without

from wattscan.collector import details, facts, headline, method, plot_phases, plots
from wattscan.collector.recording import parse_recording
from wattscan.collector.render_html import _length, html
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
    assert dict(facts.machine(SimpleNamespace(machines=(fact,))))[heading] == said


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


WARNING = "When the run began: Other processes keep 1.0 cores busy (a & b, process 7)."


def test_what_bench_warned_of_stands_at_the_top():
    report = replace(reduced(profile="quick"), warnings=(WARNING,))
    text = page_with_warnings(report)
    assert "1.0 cores busy (a &amp; b, process 7)" in text
    assert text.index("1.0 cores busy") < text.index('class="tiles"')
    markdown = report.markdown()
    assert markdown.index("1.0 cores busy (a &amp; b") < markdown.index("## Energy")
    assert "<aside" not in page(reduced(profile="quick"))


def page_with_warnings(report):
    return html(report.measured, report.tables, report.warnings)


@pytest.mark.parametrize(
    ("settings", "warnings", "said"),
    [
        ({"profile": "quick"}, (), "good for a first look, not for publication"),
        ({"profile": "quick"}, (WARNING,), "good for a first look, not for publication"),
        ({"source": MODELLED}, (), "fit to compare variants on one machine, not for publication"),
        ({"source": MODELLED}, (WARNING,), "good for a first look, not for publication"),
        ({}, (), "valid: fit for publication"),
    ],
)
def test_the_headline_promises_no_more_than_holds(settings, warnings, said):
    told = replace(reduced(**settings), warnings=warnings).headline
    assert said in told and "sound" not in told


@pytest.mark.parametrize(("wobble", "said"), [((1.0, 1.31), "27 %"), ((1.0, 1.09), None)])
def test_two_repeats_that_lie_far_apart_are_told_at_the_end(wobble, said):
    told = reduced(profile="quick", wobble=wobble).headline
    if said is None:
        assert "repeats differ" not in told
    else:
        each = (f"{said} on brain MRI in {precision}" for precision in ("FP32", "INT8"))
        assert told.endswith(f"The two repeats differ by {' and '.join(each)}.")


def test_of_many_variants_only_the_worst_is_named():
    told = reduced(profile="quick", tasks=("brain-mri", "chest-xray"), wobble=(1.0, 1.31)).headline
    assert told.endswith(
        "The two repeats of 4 variants differ by more than 10 %, those of brain MRI in FP32 by "
        "27 %."
    )


def test_a_run_cut_short_before_int8_says_so():
    lost = without("wattscan_run_phase_end_timestamp_seconds", precision="int8", phase="load")
    report = reduced(profile="quick", edits=(lost,), end=False)
    said = "Nothing to compare on brain MRI: the run was cut short, and INT8 is missing."
    assert said in report.headline
    report = reduced(profile="quick", precisions=("fp32",))
    assert "Nothing to compare on brain MRI: only FP32 was measured." in report.headline


def test_a_scan_is_explained_beside_the_headline():
    report = reduced(profile="quick")
    said = "A scan is one image here: a frame, a slice or a radiograph."
    assert said in page(report).split('<div class="tiles">')[0]
    assert said in report.table("energy")


def test_a_model_is_not_called_a_sensor():
    report = reduced(profile="quick", source=MODELLED)
    text = page(report)
    assert "per scan in INT8; modelled, ±5 % (1 sigma)" in text
    assert "Power is modelled, not measured: by cpu_model" in report.table("energy")
    assert "sensor ±" not in text and "of the reading" not in text
    assert "per scan in INT8; sensor ±5 % (1 sigma)" in page(reduced(profile="quick"))


def test_only_the_tasks_of_the_run_have_a_row_of_quality():
    def another(sample):
        if sample.name == "wattscan_model_quality_ratio":
            labels = {**sample.labels, "task": "chest-xray", "sha256": "0" * 64}
            yield sample._replace(labels=labels)

    report = reduced(profile="quick", more=(another,))
    table = next(table for table in report.tables if table.name == "quality")
    assert {row.values["task"] for row in table.rows} == {"brain-mri"}
    assert "chest X-ray" not in report.table("quality")


def told_by(**facts):
    return {"title": "A board", "precision": "", "domain": "", "zone": "", **facts}


@pytest.mark.parametrize(
    ("target", "facts", "said"),
    [
        ("cpu", told_by(), ["The paper did not measure the target cpu: it has no column for it."]),
        (
            "apple-m1",
            told_by(),
            [
                "The paper does not state the precision or the power domain or the temperature "
                "zone of apple-m1."
            ],
        ),
        (
            "jetson-nano",
            told_by(precision="fp32", domain="POM_5V_GPU"),
            [
                "What the paper read on jetson-nano: precision fp32, power domain POM_5V_GPU.",
                "The paper does not state the temperature zone of jetson-nano.",
                "The paper's power domain, POM_5V_GPU, is not in this recording",
            ],
        ),
    ],
)
def test_what_the_paper_read_is_said_as_far_as_it_tells(target, facts, said):
    def renamed(sample):
        known = {"target": target} if "target" in sample.labels else {}
        return sample._replace(labels={**sample.labels, **known})

    text = reduced(profile="quick", facts=facts, edits=(renamed,)).table("paper")
    for sentence in said:
        assert sentence in text
    assert ("it has no column" in text) == (target == "cpu")
    assert "rail is not there" not in text


def test_every_label_is_written_one_way():
    text = page(reduced(profile="quick", tasks=("brain-mri", "chest-xray")))
    words = re.sub(r"<pre>.*?</pre>|<style>.*?</style>|<svg.*?</svg>", "", text, flags=re.DOTALL)
    words = " ".join(re.findall(r">([^<]+)<", words))
    assert "fp32" not in words and "int8" not in words
    assert not re.findall(r"\b(brain-mri|chest-xray)(?!-phantom)\b", words)
    assert "Brain MRI" not in words and "first-letter" not in text


def test_no_line_ends_within_a_percentage():
    assert "FP32/INT8 (95\N{NO-BREAK SPACE}%)" in page(reduced(profile="quick"))


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
    last = {"repeat": "2", "precision": "fp32"}
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
