"""What the telemetry part of `/metrics` says of the target itself."""

from dataclasses import replace

import pytest

from wattscan.contracts import PaperReading
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds


@pytest.mark.parametrize(
    ("paper", "told"),
    [
        (PaperReading("fp32", "POM_5V_GPU", "GPU-therm"), ("fp32", "POM_5V_GPU", "GPU-therm")),
        (PaperReading(), ("", "", "")),
    ],
)
def test_the_page_tells_what_the_target_s_file_says(paper, told):
    """Whatever the file is called: the collector has no other way to know."""
    target = replace(load_target("cpu"), name="mine", title="A board", paper=paper)
    collector = TelemetryCollector(target, Sampler([], Seconds(0.1), Ledger()), Ledger())
    samples = [sample for family in collector.collect() for sample in family.samples]
    (info,) = [sample for sample in samples if sample.name == "wattscan_target_info"]
    names = ("target", "title", "precision", "domain", "zone")
    assert tuple(info.labels[name] for name in names) == ("mine", "A board", *told)
