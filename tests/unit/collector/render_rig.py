"""A quick and a standard run, and what is written of them."""

from edits import without
from run_labels import MODELLED
from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of, write

TASKS = ("nerve-ultrasound", "brain-mri", "chest-xray")
FACTOR = {"nerve-ultrasound": 0.3, "chest-xray": 1.8}
CSVS = ("energy.csv", "paper.csv", "quality.csv", "projections.csv")
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
    interval=5.0,
    wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0),
    quality={"fp32": 0.9, "int8": 0.88},
)


def reduced(spec):
    return report_of(parse_recording(recording(spec).encode(), "recording.om"))


def written_of(spec, out):
    """A run's profile, its report, and the files that are written of it, by their names."""
    report = reduced(spec)
    paths = write(report, out)
    return spec.profile, report, {path.name: path.read_text("utf-8") for path in paths}
