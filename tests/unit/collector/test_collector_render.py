"""What is written: tables, JSON and CSV."""

import csv
import io
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from edits import changed, valued, without
from render_rig import CSVS, QUICK, STANDARD, reduced, written_of
from synthetic import Spec

from wattscan.collector.recording import parse_recording
from wattscan.collector.render_json import SCHEMA, json_document
from wattscan.collector.report import write
from wattscan.collector.tables import number, title_of

GOLDEN = Path(__file__).parents[2] / "golden" / "collector"
REGENERATE = os.environ.get("WATTSCAN_REGENERATE_GOLDEN") == "1"
NAMES = ("tables.md", *CSVS, "tables.json", "cells.om")


@pytest.fixture(scope="module", params=[QUICK, STANDARD], ids=["quick", "standard"])
def written(request, tmp_path_factory):
    return written_of(request.param, tmp_path_factory.mktemp(request.param.profile))


@pytest.mark.parametrize("name", NAMES)
def test_golden(written, name):
    profile, _, files = written
    golden = GOLDEN / profile / name
    if REGENERATE:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(files[name], encoding="utf-8", newline="\n")
    expected = golden.read_text("utf-8")
    # The last digits of a fit are the linear algebra library's, those of a sum are Python's: from
    # 3.12 on it rounds once. What a reader sees is the same to the letter.
    floats = re.compile(r"(?<![\w.])\d+\.\d+(?:e-?\d+)?" if name != "tables.md" else r"(?!)")
    assert floats.sub("#", files[name]) == floats.sub("#", expected)
    found, wanted = ([float(n) for n in floats.findall(t)] for t in (files[name], expected))
    assert found == pytest.approx(wanted, rel=1e-9)


def test_json_keeps_to_its_schema(written):
    _, _, files = written
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(files["tables.json"]))


@pytest.mark.parametrize(
    "edits",
    [
        (without("wattscan_energy_source_info"),),
        (without("wattscan_client_latency_seconds_bucket"),),
        (without("wattscan_run_phase_end_timestamp_seconds", phase="load"),),
        (without("wattscan_client_requests_total"), without("wattscan_client_images_total")),
        (without("wattscan_model_info"), without("wattscan_model_quality_ratio")),
        (without("wattscan_power_watts"), without("wattscan_temperature_celsius")),
        (valued("wattscan_energy_joules_total", 5.0),),
        (valued("wattscan_energy_joules_total", float("nan")),),
        (without("wattscan_run_phase_start_timestamp_seconds", phase="idle"),),
        (without("wattscan_sensor_uncertainty_ratio"), without("wattscan_sensor_up")),
    ],
)
def test_whatever_is_missing_the_report_is_written(edits, tmp_path):
    report = reduced(Spec(profile="quick", tasks=("brain-mri", "chest-xray"), edits=edits))
    write(report, tmp_path)
    schema = json.loads(SCHEMA.read_text("utf-8"))
    document = json.loads((tmp_path / "tables.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["verdict"] in ("indicative", "invalid")


def test_csv_rows_carry_target_task_precision(written):
    _, _, files = written
    for name in CSVS:
        lines = list(csv.DictReader(io.StringIO(files[name])))
        assert lines
        assert {"target", "task", "precision"} <= set(lines[0])


def test_json_tables_are_what_the_csv_says(written):
    _, report, files = written
    document = json_document(report.measured, report.tables, report.source)
    for table in document["tables"]:
        lines = list(csv.DictReader(io.StringIO(files[f"{table['name']}.csv"])))
        for line, row in zip(lines, table["rows"], strict=True):
            for key, value in row.items():
                if isinstance(value, str):
                    assert line[key].lstrip("'") == value
                else:
                    assert line[key] == ("" if value is None else repr(value))


def test_cells_are_written_back():
    report = reduced(STANDARD)
    from wattscan.collector.render_openmetrics import openmetrics

    source = parse_recording(openmetrics(report.measured).encode(), "cells.om")
    assert not source.cut_short
    cell = report.measured.cell("brain-mri", "int8")
    names = {"task": "brain-mri", "precision": "int8"}
    (gross,) = source.last("wattscan_cell_energy_joules", {**names, "kind": "gross"}, None, None)
    assert gross.value == cell.mean(lambda window: window.joules_per_image)
    verdicts = source.last("wattscan_cell_verdict", names, None, None)
    assert {(v.labels["verdict"], v.labels["reason"]) for v in verdicts} == {
        ("invalid", "int8_quality_below_99_percent")
    }
    (fine,) = source.last("wattscan_cell_verdict", {"precision": "fp32"}, None, None)
    assert (fine.labels["verdict"], fine.labels["reason"]) == ("valid", "none")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00012346, "0.0001235"),
        (1.0, "1.000"),
        (12.3456, "12.35"),
        (172000.4, "172000"),
        (-0.5, "-0.5000"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_titles():
    assert title_of("chest-xray") == "chest X-ray"
    assert title_of("int8") == "INT8"


def test_an_invalid_figure_is_shown_and_marked():
    def nothing(sample):
        return sample._replace(value=sample.value - 1e6)

    report = reduced(
        Spec(edits=(changed("wattscan_energy_joules_total", nothing, 1_732_286_460.0),))
    )
    row = report.tables[0].rows[0].values
    assert row["verdict"] == "invalid"
    assert "counter_reset" in row["reasons"]
    assert row["joules_per_image_gross"] is not None
