"""Facts that a recording may not tell: one place for what is said instead."""

from __future__ import annotations

from wattscan.collector.device import Device

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
    return [
        (title, device.machine.get(label) or NOT_ON_RECORD) for label, title in _MACHINE.items()
    ]


def told(text: str) -> str:
    """A fact as it is told."""
    return text or NOT_ON_RECORD
