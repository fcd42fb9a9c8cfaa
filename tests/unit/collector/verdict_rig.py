"""Edits of a made-up run, and the reasons that they give."""

from typing import Any

from edits import changed
from run_labels import LOADGEN
from synthetic import Spec, recording, spans

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of

LOADS = [span for span in spans(Spec()) if span.phase == "load"]
FIRST = LOADS[0]  # FP32, repeat 1
ENERGY = "wattscan_energy_joules_total"
COVERED = "wattscan_sensor_covered_seconds_total"


def cells(spec):
    report = report_of(parse_recording(recording(spec).encode(), "r"))
    return {cell.precision: cell for cell in report.measured.cells}


def codes(spec, precision="fp32"):
    return {reason.code for reason in cells(spec)[precision].reasons}


def tell(name):
    def edit(sample):
        return sample._replace(labels={**sample.labels, **name})

    return edit


PAGE = "wattscan_page_timestamp_seconds"
GENERATOR: dict[str, Any] = {"instance": LOADGEN["instance"]}
RUN_STARTS = "wattscan_run_phase_start_timestamp_seconds"


def generator_clock(ahead):
    """What the generator's pages say of its time, ahead of the recorder's by `ahead(sample)`."""
    return changed(PAGE, lambda s: s._replace(value=s.value + ahead(s)), **GENERATOR)


def sparse(seconds):
    """The target is scraped so seldom."""

    def edit(sample):
        scraped = (sample.at - 2.0) % seconds < 1e-6 or sample.at < Spec.start
        return sample if scraped or sample.labels["instance"] == LOADGEN["instance"] else None

    return edit


def packages(gain):
    """Another package counts so much of what the first one does."""

    def more(sample):
        if sample.name == ENERGY:
            labels = {**sample.labels, "domain": "package-1"}
            yield sample._replace(labels=labels, value=gain * sample.value)

    return more


MIDDLE = (FIRST.start + FIRST.end) / 2
PHASE_END = "wattscan_run_phase_end_timestamp_seconds"
IDLE = next(span for span in spans(Spec()) if span.phase == "idle")
REQUESTS = "wattscan_requests_total"
MODEL = "wattscan_model_info"


def also(name, **labels):
    """Beside each sample of a family another one with other labels."""

    def more(sample):
        if sample.name == name:
            yield sample._replace(labels={**sample.labels, **labels})

    return more


def counted_more(requests, start, end, **labels):
    """The server counts so many requests more, evenly between two moments."""

    def edit(sample):
        share = min(1.0, max(0.0, (sample.at - start) / (end - start)))
        return sample._replace(value=sample.value + round(requests * share))

    return changed(REQUESTS, edit, **labels)


def relabelled(name, start=0.0, **labels):
    return changed(name, tell(labels), start)
