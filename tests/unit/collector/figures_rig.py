"""The figures of a made-up run."""

from synthetic import recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of


def reduced(spec, run=None):
    return report_of(parse_recording(recording(spec).encode(), "recording.om"), run)


def rows(report, table):
    return [row.values for t in report.tables if t.name == table for row in t.rows]
