"""The HTML page that is written."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from edits import without
from page_rig import page
from render_rig import CSVS, QUICK, STANDARD, reduced, written_of
from synthetic import Spec

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import write


@pytest.fixture(scope="module", params=[QUICK, STANDARD], ids=["quick", "standard"])
def written(request, tmp_path_factory):
    return written_of(request.param, tmp_path_factory.mktemp(request.param.profile))


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


POISONED = ("task", "run", "domain", "provider", "dataset", "version")


def hostile(label):
    return f"<script>alert({label})</script>|`$x_1$`\"'&\n=1"


def test_every_label_is_escaped(tmp_path):
    def poisoned(sample):
        poison = {name: hostile(name) for name in POISONED if name in sample.labels}
        return sample._replace(labels={**sample.labels, **poison})

    report = reduced(Spec(profile="quick", edits=(poisoned,)))
    write(report, tmp_path)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in text
    shown = "".join(page_of(text).texts)
    assert all(f"alert({label})" in shown for label in POISONED)
    assert "<script" not in (tmp_path / "tables.md").read_text("utf-8")
    parse_recording((tmp_path / "cells.om").read_bytes(), "cells.om")
    for name in CSVS:
        for line in csv.reader(io.StringIO((tmp_path / name).read_text("utf-8"))):
            assert not any(field.startswith(("=", "@")) for field in line)


def test_an_invalid_cell_s_joules_are_marked_wherever_they_are_said():
    report = reduced(Spec(profile="quick", quality={"fp32": 0.9, "int8": 0.88}))
    assert "0.320 J (brain MRI, invalid)" in report.headline
    text = page(report)
    assert '<div class="big">0.320 J (invalid)</div>' in text
    assert "0.320 J</div>" not in text
    # In both widths' plots.
    assert text.count(">invalid</text>") == 2 or text.count("invalid</tspan>") == 2


def test_an_empty_plot_says_why():
    edits = (
        without("wattscan_energy_source_info"),
        without("wattscan_temperature_celsius"),
        without("wattscan_client_latency_seconds_bucket"),
    )
    text = page(reduced(Spec(edits=edits)))
    assert "<svg" not in text
    assert "the target named no domain for the tables" in text
    assert "neither power nor temperature was recorded" in text
    assert "the load generator recorded no latency" in text
