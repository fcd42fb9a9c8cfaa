"""The page of a made-up run."""

from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.render_html import html
from wattscan.collector.report import report_of


def reduced(**settings):
    return report_of(parse_recording(recording(Spec(**settings)).encode(), "recording.om"))


def page(report):
    return html(report.measured, report.tables)
