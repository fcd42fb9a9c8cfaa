"""Whether the table's domain covers the devices that two variants run on alike."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.collector.cells import Cell
from wattscan.collector.device import EnergySource
from wattscan.collector.model_facts import ModelFacts
from wattscan.collector.names import title_of

# Parts of a provider's name -> the device that it computes on.
_DEVICES = {
    "edgetpu": "Edge TPU",
    "cuda": "GPU",
    "tensorrt": "GPU",
    "coreml": "Apple chip",
    "gpu": "GPU",
    "rocm": "GPU",
    "migraphx": "GPU",
    "npu": "NPU",
}
_PROCESSOR = "processor"
# Sensors of a system on a chip's package. A CPU's or a GPU's own domain is a part of it.
_PACKAGE_SENSORS = ("ioreport", "powermetrics")


def devices_of(models: Sequence[ModelFacts]) -> set[str]:
    """What a variant's models compute on."""
    return {_device(model.provider) for model in models}


def ratio_note(source: EnergySource | None, reference: Cell, cell: Cell) -> tuple[bool, str]:
    """Whether a variant can be compared with the reference by the table's energy, and what is to be
    said of it.

    The note is empty where there is nothing to say.
    """
    one, other = devices_of(reference.models), devices_of(cell.models)
    base, name = title_of(reference.precision), title_of(cell.precision)
    if "Edge TPU" in one ^ other:
        # It runs INT8 alone: the others ran on its host's processor.
        hosted = name if "Edge TPU" in one else base
        return False, f"{hosted} ran on the Edge TPU's host: no ratio"
    if one and other and one != other and not covers_all(source):
        domain = source.domain if source else "the tables' domain"
        return False, (
            f"{base} ran on the {' and '.join(sorted(one))} and {name} on the "
            f"{' and '.join(sorted(other))}, which {domain} does not cover alike: no ratio"
        )
    notes = []
    if one and other and _engines(reference.models) != _engines(cell.models):
        notes.append(f"{base} in {_named(reference.models)}, {name} in {_named(cell.models)}")
    notes += [
        f"{each} computed in FP32" for each, c in ((base, reference), (name, cell)) if widened(c)
    ]
    return True, ", ".join(notes)


def widened(cell: Cell) -> set[str]:
    """The data types of a variant, such as INT8, that its engine computed in FP32, as the server
    tells: of a provider's name alone that is not known."""
    # A server of an earlier version tells no data type, and had FP32 and INT8 alone.
    datatypes = {m.datatype or cell.precision for m in cell.models if m.computed_in == "fp32"}
    return datatypes - {"fp32"}


def not_covered(source: EnergySource, models: Sequence[ModelFacts]) -> str:
    """The device that models ran on, where the table's domain certainly does not hold its energy;
    "" where it does, or may.

    A graphics card is in no domain of a processor's, nor a processor in a card's.
    """
    devices = devices_of(models)
    if source.method == "modelled" or covers_all(source):
        return ""
    if source.sensor.startswith("nvml") and _PROCESSOR in devices:
        return _PROCESSOR
    if source.sensor.startswith("rapl") and "GPU" in devices and source.domain != "psys":
        return "GPU"
    return ""


def _device(provider: str) -> str:
    plain = "".join(filter(str.isalnum, provider.lower()))
    return next((device for part, device in _DEVICES.items() if part in plain), _PROCESSOR)


def covers_all(source: EnergySource | None) -> bool:
    """Whether a domain holds the energy of processor and graphics card alike."""
    if source is None:
        return False
    # A rail of an INA3221 stands for one part alone.
    board = source.sensor == "ina3221" and source.scope == "board"
    package = source.sensor in _PACKAGE_SENSORS and source.domain == "package"
    return source.scope == "system" or board or package


def _named(models: Sequence[ModelFacts]) -> str:
    """The engines' names; through what, where the name is not all."""
    engines = sorted(_engines(models))
    alike = len({backend for backend, _ in engines}) == 1 < len(engines)
    return " and ".join(provider if alike else backend for backend, provider in engines)


def _engines(models: Sequence[ModelFacts]) -> set[tuple[str, str]]:
    return {(model.backend, model.provider) for model in models}
