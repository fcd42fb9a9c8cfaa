"""Facts that a recording may not tell: one place for what is said instead."""

from __future__ import annotations

import re

from wattscan.collector.clocks import Clocks
from wattscan.collector.device import Device

NOT_ON_RECORD = "not on record"
# A label of the machine's facts, and what the page calls it.
MACHINE_TITLES = {
    "processor": "Processor",
    "cores": "Cores",
    "kernel": "Kernel",
    "virtualization": "Virtual machine",
    "driver": "NVIDIA driver",
    "python": "Python",
    "wattscan": "Wattscan on the target",
}


def machine(device: Device) -> list[tuple[str, str]]:
    """The machine's facts, each with its heading."""
    told = device.machines or ({},)
    return [
        (title, ", then ".join(dict.fromkeys(_fact(label, m.get(label, "")) for m in told)))
        for label, title in MACHINE_TITLES.items()
    ]


def _fact(label: str, text: str) -> str:
    """A fact under its heading, which says part of it already."""
    if label == "virtualization":
        text = "no" if text == "none" else re.sub("^virtual machine", "yes", text)
    if label == "driver":
        text = "not installed" if text == "none" else text.removeprefix("NVIDIA ")
    return text or NOT_ON_RECORD


def clocks_text(clocks: Clocks | None) -> str:
    """What is known of the generator's clock."""
    if clocks is None:
        return NOT_ON_RECORD
    if not clocks.offset_known:
        return f"within {clocks.unknown:.2g} s of each other, as far as the first samples tell"
    if clocks.range > clocks.unknown:
        least, most = min(clocks.offsets), max(clocks.offsets)
        return (
            f"the generator's went from {least:+.3g} s to {most:+.3g} s against the recorder's, "
            f"within {clocks.unknown:.2g} s in each window: its times are corrected by that"
        )
    if abs(clocks.offset) <= clocks.unknown:
        return f"generator and recorder agree within {clocks.unknown:.2g} s"
    way = "ahead of" if clocks.offset > 0 else "behind"
    return (
        f"the generator's is {abs(clocks.offset):.3g} s {way} "
        f"the recorder's, within {clocks.unknown:.2g} s: its times are corrected by that"
    )


def told(text: str) -> str:
    """A fact as it is told."""
    return text or NOT_ON_RECORD
