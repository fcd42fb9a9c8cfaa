"""The page: what is said at the top, and beside the tables."""

import re
from dataclasses import replace

import pytest
from edits import without
from page_rig import page, reduced
from run_labels import MODELLED

from wattscan.collector.render_html import html

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
