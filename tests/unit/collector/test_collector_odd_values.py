"""Whatever a family's values and labels are: tables that keep to their schema, or one sentence."""

import json
import re
from functools import partial
from typing import Any

import jsonschema
import pytest
from edits import changed, valued
from synthetic import Spec, recording, samples

from wattscan.collector.recording import parse_recording
from wattscan.collector.render_json import SCHEMA, json_text
from wattscan.collector.report import report_of
from wattscan.contracts import WattscanError

pytestmark = pytest.mark.slow

SPEC = Spec(profile="quick", served=True)
FAMILIES = sorted({sample.name for sample in samples(SPEC)})
NUMBERS = (float("nan"), float("-inf"), 1e308, -1.0, 0.0, 1e-320)
NO_NUMBER = re.compile(r"(?<![\w-])(nan|inf)(?![\w])", re.IGNORECASE)
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
START = "wattscan_run_phase_start_timestamp_seconds"
END = "wattscan_run_phase_end_timestamp_seconds"


def reduced(*edits):
    spec = Spec(profile="quick", served=True, edits=edits)
    return report_of(parse_recording(recording(spec).encode(), "r"))


def check(*edits):
    """The report is written, or refused in a sentence; anything else is an error."""
    try:
        report = reduced(*edits)
    except WattscanError:
        return
    document = json.loads(json_text(report.measured, report.tables, report.source))
    VALIDATOR.validate(document)
    assert document["verdict"] != "valid"
    assert not NO_NUMBER.search(report.markdown())


def every_third(name, value):
    """Readings that fail now and then."""
    seen = []

    def edit(sample):
        seen.append(sample.at)
        return sample._replace(value=value) if len(seen) % 3 == 0 else sample

    return changed(name, edit)


@pytest.mark.parametrize("name", FAMILIES)
def test_any_number(name):
    for number in NUMBERS:
        check(valued(name, number))
    check(every_third(name, float("nan")))
    check(every_third(name, 1e308))


def relabelled(sample, label, text):
    return sample._replace(labels={**sample.labels, label: text})


@pytest.mark.parametrize("name", FAMILIES)
def test_any_label(name):
    labels = {label for sample in samples(SPEC) if sample.name == name for label in sample.labels}
    for label in labels:
        for text in ("", "no; such | <name>"):
            check(changed(name, partial(relabelled, label=label, text=text)))


@pytest.mark.parametrize(
    ("family", "value", "said"),
    [
        (START, 1_732_286_400_000.0, "is no Unix time in seconds between 2000 and 2100"),
        (END, 5.0, "is no Unix time in seconds"),
        (END, 1_832_286_400.0, "days apart, and 366 is the most"),
    ],
)
def test_a_phase_at_an_impossible_time(family, value, said):
    one: dict[str, Any] = {"phase": "load", "precision": "int8", "repeat": "2"}
    with pytest.raises(WattscanError, match=said):
        reduced(valued(family, value, **one))
