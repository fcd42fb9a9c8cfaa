"""Whether the table's domain covers the devices that two variants run on alike."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.collector.device import EnergySource, ModelFacts

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


def ratio_note(
    source: EnergySource | None, fp32: Sequence[ModelFacts], int8: Sequence[ModelFacts]
) -> tuple[bool, str]:
    """Whether two variants can be compared by the table's energy, and what is to be said of it.

    The note is empty where there is nothing to say.
    """
    one, other = devices_of(fp32), devices_of(int8)
    if "Edge TPU" in one ^ other:
        # It cannot run FP32: those cells are its host's processor.
        return False, "FP32 ran on the Edge TPU's host: no ratio"
    if one and other and one != other and not _covers_all(source):
        domain = source.domain if source else "the tables' domain"
        return False, (
            f"FP32 ran on the {' and '.join(sorted(one))} and INT8 on the "
            f"{' and '.join(sorted(other))}, which {domain} does not cover alike: no ratio"
        )
    notes = []
    if fp32 and int8 and _engines(fp32) != _engines(int8):
        notes.append(f"FP32 in {_named(fp32)}, INT8 in {_named(int8)}")
    if widened(int8):
        notes.append("INT8 computed in FP32")
    return True, ", ".join(notes)


def widened(int8: Sequence[ModelFacts]) -> bool:
    """Whether an INT8 variant's convolutions were computed in floating point, as the server tells:
    of a provider's name alone that is not known."""
    return any(model.computed_in == "fp32" for model in int8)


def not_covered(source: EnergySource, models: Sequence[ModelFacts]) -> str:
    """The device that models ran on, where the table's domain certainly does not hold its energy;
    "" where it does, or may.

    A graphics card is in no domain of a processor's, nor a processor in a card's.
    """
    devices = devices_of(models)
    if source.method == "modelled" or _covers_all(source):
        return ""
    if source.sensor.startswith("nvml") and _PROCESSOR in devices:
        return _PROCESSOR
    if source.sensor.startswith("rapl") and "GPU" in devices and source.domain != "psys":
        return "GPU"
    return ""


def _device(provider: str) -> str:
    plain = "".join(filter(str.isalnum, provider.lower()))
    return next((device for part, device in _DEVICES.items() if part in plain), _PROCESSOR)


def _covers_all(source: EnergySource | None) -> bool:
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
