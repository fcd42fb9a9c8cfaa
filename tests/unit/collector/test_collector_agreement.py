"""Files without a score: how far a variant agrees with the reference, and what it is worth."""

import pytest
from edits import without
from run_labels import SHA256
from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.render_markdown import markdown_table
from wattscan.collector.report import report_of

QUALITY = tuple(
    without(f"wattscan_model_{name}_ratio")
    for name in ("quality", "ptq_quality", "quality_difference")
)


def agreeing(value, metric="dice", inputs="data", sha256=SHA256["int8"]):
    """Beside each scrape of the INT8 model."""

    def more(sample):
        if sample.name == "wattscan_model_info" and sample.labels["precision"] == "int8":
            names = ("job", "instance", "target", "task", "precision")
            kept = {name: sample.labels[name] for name in names if name in sample.labels}
            labels = {**kept, "metric": metric, "reference": "fp32", "inputs": inputs}
            yield sample._replace(
                name="wattscan_model_agreement", labels={**labels, "sha256": sha256}, value=value
            )

    return more


def report(*more):
    spec = Spec(edits=QUALITY, more=more)
    return report_of(parse_recording(recording(spec).encode(), "r"))


def table(found):
    return markdown_table(next(each for each in found.tables if each.name == "quality"))


def codes(found, precision):
    task = found.measured.tasks[0]
    return {reason.code for reason in found.measured.cell(task, precision).reasons}


def test_agreement_stands_in_the_table_and_is_no_score():
    found = report(agreeing(0.9931))
    assert codes(found, "fp32") == codes(found, "int8") == {"agreement_only"}
    assert {cell.verdict for cell in found.measured.cells} == {"indicative"}
    text = table(found)
    assert "not scored: agreement with the reference only" in text and "Dice 0.9931" in text
    assert "far off" not in text


@pytest.mark.parametrize(("metric", "value"), [("dice", 0.31), ("top_1", 0.9),
                                               ("relative_error", 0.4)])  # fmt: skip
def test_a_variant_that_is_far_off_is_said_to_be(metric, value):
    found = report(agreeing(value, metric))
    assert codes(found, "int8") == {"agreement_only", "agreement_far_off"}
    assert codes(found, "fp32") == {"agreement_only"}
    assert found.measured.cell(found.measured.tasks[0], "int8").verdict == "invalid"
    assert "far off" in table(found)


def test_on_drawn_inputs_it_is_a_hint():
    found = report(agreeing(0.31, inputs="drawn, seed 2022"))
    assert codes(found, "int8") == {"agreement_only", "agreement_far_off_on_drawn"}
    sentences = [reason.sentence for cell in found.measured.cells for reason in cell.reasons]
    assert any(sentence.endswith("with --data DIR.") for sentence in sentences)


def test_the_agreement_of_another_file_counts_for_nothing():
    assert codes(report(agreeing(0.99, sha256="0" * 64)), "int8") == {"quality_not_recorded"}
