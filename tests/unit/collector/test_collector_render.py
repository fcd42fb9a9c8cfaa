"""What the outside sees: golden tables, JSON against its schema, a page that asks for nothing.

The golden files are written anew by `WATTSCAN_REGENERATE_GOLDEN=1 pytest` on this file.
"""

import csv
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from synthetic import MODELLED, Spec, changed, recording, valued, without

from wattscan.collector.recording import parse_recording
from wattscan.collector.render_json import SCHEMA, json_document
from wattscan.collector.report import report_of, write
from wattscan.collector.tables import number, title_of

GOLDEN = Path(__file__).parents[2] / "golden" / "collector"
REGENERATE = os.environ.get("WATTSCAN_REGENERATE_GOLDEN") == "1"
TASKS = ("nerve-ultrasound", "brain-mri", "chest-xray")
FACTOR = {"nerve-ultrasound": 0.3, "chest-xray": 1.8}
CSVS = ("energy.csv", "paper.csv", "quality.csv", "projections.csv")
NAMES = ("tables.md", *CSVS, "tables.json", "cells.om")

QUICK = Spec(
    run="quick-1",
    profile="quick",
    interval=1.0,
    tasks=TASKS,
    task_factor=FACTOR,
    source=MODELLED,
    wobble=(1.0, 1.01),
    edits=(without("wattscan_temperature_celsius"),),
)
STANDARD = Spec(
    run="standard-1",
    wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0),
    quality={"fp32": 0.9, "int8": 0.88},
)


def reduced(spec):
    return report_of(parse_recording(recording(spec).encode(), "recording.om"))


@pytest.fixture(scope="module", params=[QUICK, STANDARD], ids=["quick", "standard"])
def written(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param.profile)
    report = reduced(request.param)
    paths = write(report, out)
    return request.param.profile, report, {path.name: path.read_text("utf-8") for path in paths}


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


class Page(HTMLParser):
    """Collects every tag, and every attribute that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched, self.ids, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "xlink:href", "data", "action", "poster"):
                self.fetched.append(value)
            if name == "id":
                self.ids.append(value)
            assert not name.startswith("on")

    def handle_data(self, data):
        self.texts.append(data)


def page_of(text):
    page = Page()
    page.feed(text)
    return page


def test_the_page_asks_for_nothing(written):
    _, _, files = written
    text = files["report.html"]
    page = page_of(text)
    assert "script" not in page.tags
    assert all(value.startswith("#") or value == "data:," for value in page.fetched)
    assert "@import" not in text
    assert re.findall(r"https?:", text) == []
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", text))


def test_the_page_s_ids_are_its_own_and_are_found(written):
    _, _, files = written
    page = page_of(files["report.html"])
    assert len(page.ids) == len(set(page.ids))
    for value in page.fetched:
        assert value == "data:," or value[1:] in page.ids
    for used in re.findall(r"url\(#([^)]*)\)", files["report.html"]):
        assert used in page.ids


def test_the_page_has_its_parts(written):
    profile, report, files = written
    text = files["report.html"]
    for part in (
        "table-energy",
        "table-paper",
        "table-quality",
        "table-projections",
        "table-models",
        "table-cells",
        "table-windows",
    ):
        assert f'id="{part}"' in text
    # Each plot for a wide page and for a narrow one.
    assert text.count("<svg") == 6
    assert text.count("<title") == 1 + 6
    for cell in report.measured.cells:
        for reason in cell.reasons:
            assert reason.code in text
    for fact in (report.measured.run.name, profile, "SingleStream", "0.1.0", "f" * 64):
        assert fact in text


HOSTILE = "<script>alert(1)</script>|`$x_1$`\"'&\n=1"


@pytest.mark.parametrize("label", ["task", "run", "domain", "provider", "dataset", "version"])
def test_every_label_is_escaped(label, tmp_path):
    def poisoned(sample):
        known = {name: text for name, text in sample.labels.items() if name == label}
        labels = {**sample.labels, **dict.fromkeys(known, HOSTILE)}
        return sample._replace(labels=labels)

    report = reduced(Spec(profile="quick", edits=(poisoned,)))
    write(report, tmp_path)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in text
    assert "alert(1)" in "".join(page_of(text).texts)
    assert "<script" not in (tmp_path / "tables.md").read_text("utf-8")
    parse_recording((tmp_path / "cells.om").read_bytes(), "cells.om")
    for name in CSVS:
        for line in csv.reader(io.StringIO((tmp_path / name).read_text("utf-8"))):
            assert not any(field.startswith(("=", "@")) for field in line)


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
