"""Facts that a recording may not tell: one place for what is said instead."""

from __future__ import annotations

from wattscan.collector.device import Device, ModelFacts
from wattscan.collector.windows import Run

NOT_ON_RECORD = "not on record"
# A label of the machine's facts, and what the page calls it.
_MACHINE = {
    "processor": "Processor",
    "cores": "Cores",
    "kernel": "Kernel",
    "virtualization": "Virtual machine",
    "driver": "Driver",
    "python": "Python",
    "wattscan": "Wattscan on the target",
}


def machine(device: Device) -> list[tuple[str, str]]:
    """The machine's facts, each with its heading."""
    told = getattr(device, "machine", {})
    return [(title, told.get(label) or NOT_ON_RECORD) for label, title in _MACHINE.items()]


def model_fact(model: ModelFacts, name: str) -> str:
    """One fact of a model, such as its `engine_version`."""
    return getattr(model, name, "") or NOT_ON_RECORD


def parts(run: Run) -> int:
    """In how many parts a run was made: more than 1 where it was resumed."""
    return getattr(run, "parts", 1)
