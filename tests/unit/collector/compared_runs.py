"""Pairs of made-up runs for `wattscan compare`, with what a service tells of its machine."""

from collections.abc import Mapping
from typing import Any

from edits import Sample, changed
from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of

WOBBLE = (1.0, 1.01, 0.99, 1.005, 0.995, 1.0)
MACHINE = {
    "processor": "A processor", "cores": "4", "kernel": "6.1.0", "virtualization": "none",
    "driver": "none", "python": "3.11.2", "wattscan": "0.1.0",
}  # fmt: skip


def machine(**facts):
    """The machine's facts go with each page's, as a service tells them."""
    told = {**MACHINE, **facts}

    def beside(sample: Sample):
        if sample.name == "wattscan_target_info":
            own = {name: sample.labels[name] for name in ("job", "instance", "target")}
            yield Sample(sample.at, "wattscan_machine_info", {**own, **told}, 1.0)

    return beside


def labelled(name: str, match: Mapping[str, Any] | None = None, **labels: str):
    """Gives a family's samples labels."""
    return changed(name, lambda s: s._replace(labels={**s.labels, **labels}), **(match or {}))


def spec(**more) -> Spec:
    """A run of the standard profile that is valid, on a machine that tells of itself."""
    return Spec(**{"wobble": WOBBLE, "more": (machine(),), **more})


def report(made: Spec):
    """The run, reduced."""
    return report_of(parse_recording(recording(made).encode(), f"{made.run}.om"))
