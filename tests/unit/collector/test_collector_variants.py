"""Any number of variants against one reference: ratios, intervals, floors, tables, report."""

import re
from typing import Any

import numpy as np
import pytest
from edits import changed
from synthetic import Spec, joules_per_image, recording

from wattscan.collector.ratio import Point, energy_ratio
from wattscan.collector.recording import parse_recording
from wattscan.collector.render_html import html
from wattscan.collector.render_json import json_document
from wattscan.collector.report import report_of
from wattscan.contracts import WattscanError

FOUR = ("fp32", "fp16", "int8", "int8-ptq")
SETTINGS: dict[str, Any] = {
    "precisions": FOUR,
    "load_watts": {"fp32": 20.0, "fp16": 19.0, "int8": 16.0, "int8-ptq": 15.0},
    "latency": {"fp32": 0.04, "fp16": 0.03, "int8": 0.02, "int8-ptq": 0.02},
    "start_celsius": dict.fromkeys(FOUR, 40.0),
    "quality": {"fp32": 0.9, "fp16": 0.8995, "int8": 0.897, "int8-ptq": 0.896},
    "wobble": (1.0, 1.01, 0.99, 1.005, 0.995, 1.0),
}
MODEL = "wattscan_model_info"


def reduced(**settings):
    spec = Spec(**{**SETTINGS, **settings})
    return spec, report_of(parse_recording(recording(spec).encode(), "r"))


def told(precision, **labels):
    return changed(MODEL, lambda s: s._replace(labels={**s.labels, **labels}), precision=precision)


def codes(report, precision):
    return {reason.code for reason in report.measured.cell("brain-mri", precision).reasons}


def test_each_variant_is_compared_with_the_reference():
    spec, report = reduced()
    measured = report.measured
    assert [cell.precision for cell in measured.cells] == list(FOUR)
    assert [ratio.precision for ratio in measured.ratios] == list(FOUR[1:])
    for ratio in measured.ratios:
        both = [joules_per_image(spec, "brain-mri", p) for p in ("fp32", ratio.precision)]
        assert ratio.gross.value == pytest.approx(both[0] / both[1], rel=0.01)
        assert ratio.gross.low < both[0] / both[1] < ratio.gross.high
    assert {measured.cell("brain-mri", p).verdict for p in FOUR} == {"valid"}


def test_another_variant_may_be_the_reference():
    spec, report = reduced(reference="int8")
    measured = report.measured
    assert [cell.precision for cell in measured.cells] == ["int8", "fp16", "fp32", "int8-ptq"]
    both = [joules_per_image(spec, "brain-mri", p) for p in ("int8", "fp32")]
    ratio = measured.ratio("brain-mri", "fp32")
    assert ratio.gross.value == pytest.approx(both[0] / both[1], rel=0.01)
    assert "Compared with INT8: " in report.headline
    assert "FP32 costs 150% more than INT8 on brain MRI" in report.headline
    # INT8 PTQ takes least of all four, the reference included.
    assert "one scan costs 0.300 J (brain MRI) in INT8 PTQ" in report.headline
    # The card's interval is of the difference from FP32.
    assert "-0.0030 (-0.0051 to +0.0012)" not in report.table("quality")
    assert "+0.0030 (no interval)" in report.table("quality")


def test_the_reference_is_told_where_it_takes_least():
    _, report = reduced(reference="int8", precisions=("int8", "fp32", "fp16"))
    assert "one scan costs 0.320 J (brain MRI) in INT8" in report.headline
    page = html(report.measured, report.tables)
    assert "per scan in INT8" in page and "<br>FP16: 0.570 J" in page
    assert " --models ..." in page and "--reference int8" in page


def test_a_run_that_has_not_its_reference_has_no_ratio():
    _, report = reduced(reference="pruned")
    assert {ratio.note for ratio in report.measured.ratios} == {"pruned was not measured"}
    assert all(ratio.gross is None for ratio in report.measured.ratios)
    assert "Nothing to compare on brain MRI" in report.headline


def test_parts_that_name_different_references_are_no_run():
    other = changed(
        "wattscan_run_info",
        lambda s: s._replace(labels={**s.labels, "reference": "int8"}),
        start=Spec().start + 400,
    )
    with pytest.raises(WattscanError, match="more than one reference: fp32, int8"):
        reduced(reference="fp32", edits=(other,))


def test_a_part_of_an_earlier_version_has_fp32_for_its_reference():
    unnamed = changed(
        "wattscan_run_info",
        lambda s: s._replace(labels={k: v for k, v in s.labels.items() if k != "reference"}),
        end=Spec().start + 400,
    )
    _, report = reduced(reference="fp32", edits=(unnamed,))
    assert report.measured.reference == "fp32"


def test_the_floor_of_quality_holds_for_each_variant_by_itself():
    quality = {**SETTINGS["quality"], "fp16": 0.88, "int8": 0.85}
    _, report = reduced(quality=quality)
    assert codes(report, "fp16") == {"quality_below_99_percent"}
    assert codes(report, "int8") == {"int8_quality_below_99_percent"}
    assert codes(report, "fp32") == codes(report, "int8-ptq") == set()
    verdicts = {r.precision: report.measured.verdict_of_ratio(r) for r in report.measured.ratios}
    assert verdicts == {"fp16": "invalid", "int8": "invalid", "int8-ptq": "valid"}
    assert "no saving of FP16 is claimed" in report.headline


def test_a_variant_without_a_score_is_marked_and_no_other():
    bare = changed("wattscan_model_quality_ratio", lambda _: None, precision="fp16")
    _, report = reduced(edits=(bare,))
    assert codes(report, "fp16") == {"quality_not_recorded"}
    assert codes(report, "fp32") == codes(report, "int8") == set()


@pytest.mark.parametrize(
    ("precision", "datatype", "code", "note"),
    [
        ("fp16", "fp16", "fp16_computed_in_fp32", "FP16 computed in FP32"),
        ("int8-ptq", "int8", "int8_computed_in_fp32", "INT8 PTQ computed in FP32"),
        ("fp16", "fp32", None, None),
    ],
)
def test_what_an_engine_widens_is_marked(precision, datatype, code, note):
    _, report = reduced(edits=(told(precision, datatype=datatype, computed_in="fp32"),))
    assert codes(report, precision) == ({code} if code else set())
    assert (report.measured.ratio("brain-mri", precision).note or None) == note


def test_two_variants_with_one_file_are_named():
    _, report = reduced(edits=(told("int8-ptq", sha256="8" * 64),))
    # Its score is that of the file that it was meant to be.
    assert codes(report, "int8") == {"variants_are_one_model"}
    assert codes(report, "int8-ptq") == {"variants_are_one_model", "quality_not_recorded"}
    assert codes(report, "fp32") == codes(report, "fp16") == set()
    assert "INT8 and INT8 PTQ ran one and the same file" in report.table("energy")


def test_the_tables_have_every_variant():
    _, report = reduced(reference="fp32")
    energy, quality = report.table("energy"), report.table("quality")
    assert "| FP32/variant (95 %)" in energy and "(Bonferroni)" in energy
    assert energy.count("| brain MRI ") == 4 and "| INT8 PTQ " in energy
    for heading in ("FP16 - FP32 (95 %)", "INT8 - FP32 (95 %)", "INT8 PTQ - FP32 (95 %)"):
        assert f"| {heading} " in quality
    document = json_document(report.measured, report.tables, "r")
    assert document["run"]["reference"] == "fp32"
    assert [ratio["precision"] for ratio in document["ratios"]] == ["fp16", "int8", "int8-ptq"]


def test_the_report_shows_the_cheapest_and_names_each_variant_once_in_its_keys():
    _, report = reduced(reference="fp32")
    page = html(report.measured, report.tables)
    assert "per scan in INT8 PTQ" in page
    for line in ("FP32: 0.800 J", "FP16: 0.570 J", "INT8: 0.320 J"):
        assert f"<br>{line}" in page
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    for number, name in ((1, "FP16"), (2, "INT8"), (3, "INT8 PTQ")):
        assert f"--variant-{number}:" in page
        assert all(f'var(--variant-{number})"></span>{name}' in text for text in captions)
    assert "--variants fp32,fp16,int8,int8-ptq" in page
    assert "FP16 saves 29% on brain MRI" in report.headline


def test_the_intervals_of_several_variants_hold_together_as_often_as_they_say():
    """Three variants of different scatter; where each alone held with 95 %, all would with 87 %."""
    generator = np.random.default_rng(11)
    hits, alone, runs = 0, 0, 400
    for _ in range(runs):
        groups = [
            [
                Point(4.0 * i + place, float(np.exp(value + 0.001 * (4 * i + place))))
                for i, value in enumerate(generator.normal(0, scatter, 6))
            ]
            for place, scatter in enumerate((0.01, 0.02, 0.01, 0.03))
        ]
        ratios = [energy_ratio(groups[0], group, intervals=3) for group in groups[1:]]
        held = [ratio.low <= 1 <= ratio.high for ratio in ratios]
        hits += all(held)
        alone += held[0]
    assert 0.93 <= hits / runs <= 0.99
    assert alone / runs >= 0.96
