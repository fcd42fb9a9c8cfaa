"""`wattscan models quantize --onnx FILE`: from a file in float to a file in INT8, or a refusal."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wattscan.contracts import ModelCard, WattscanError
from wattscan.samples import Sample
from wattscan.training import edge_tpu
from wattscan.training.own import data, engines, form
from wattscan.training.own.outputs import told
from wattscan.training.ptq.onnx_build import OnnxQuantizer
from wattscan.training.ptq.plan import (
    BUILDS,
    LAYERS,
    TOLERANCE,
    Outcome,
    QuantizeOptions,
    Quantizer,
    Say,
    Tried,
)
from wattscan.training.ptq.search import Search
from wattscan.training.ptq.tflite_build import TFLiteQuantizer

_MOST_CALIBRATION, _LEAST_SAMPLES = 64, 4
T = TypeVar("T")


@dataclass(frozen=True)
class QuantizeRequest:
    """`path`: a file in float; `given`: what `--data` names; `out`: the folder for what is made;
    `keep`: layers that stay in float; `tolerance`: how far off the variant may be, as 1 - Dice or
    1 - top-1, or as a relative error, and with labels how much lower the AUC-ROC; `layers`: how
    many are tried out."""

    path: Path
    given: Sequence[Path]
    out: Path
    keep: tuple[str, ...] = ()
    tolerance: float = TOLERANCE
    layers: int = LAYERS
    seed: int = 2022


def quantize(wanted: QuantizeRequest, say: Say) -> list[Path]:
    """Write `<name>-int8.<suffix>` and, where another build is better in some engine,
    `<name>-int8-<engine>.<suffix>`; returns their paths. `say` is told what is done and found.

    Raises:
        WattscanError: the file cannot be quantized, or no build is within the tolerance: what to
            try next.
    """
    card = _float_card(wanted.path)
    if not wanted.given:
        raise WattscanError(
            "--data is missing: INT8 needs real inputs to measure the ranges of the values, 100 or "
            "so; noise would give a file that is wrong on images"
        )
    given = data.read(wanted.given, wanted.path.stem, engines.inputs_of(card), wanted.seed)
    calibration, held_out = _split(given.samples)
    labels = _split(given.labels)[1] if given.labels else ()
    say(
        f"{len(calibration)} inputs from {given.name} to measure ranges, {len(held_out)} others to "
        "compare with the file in float"
    )
    asked = QuantizeOptions(
        calibration, held_out, wanted.keep, wanted.tolerance, wanted.layers, labels
    )
    with tempfile.TemporaryDirectory(prefix="wattscan-int8-") as name:
        folder = Path(name)
        quantizer = _quantizer(wanted.path, calibration, folder)
        for sentence in quantizer.repairs:
            say(f"Repaired: {sentence}")
        found = Search(quantizer, asked, folder, say).run()
        for line in report(found, wanted.tolerance):
            say(line)
        _refuse_far(found, wanted)
        return _write(found, wanted, say)


def _float_card(path: Path) -> ModelCard:
    card = form.card_of("file", "float", path)
    if card.datatype == "int8":
        raise WattscanError(f"{path} is in INT8 already: give the file in float that it is from")
    # A TFLite file keeps weights of 16 bits and computes in 32, which is repaired.
    if card.datatype == "fp16" and form.format_of(path) == "onnx":
        raise WattscanError(f"{path} is in FP16: give the file in FP32 that it is from")
    return card


def _split(samples: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """For calibration, and held out; the samples are in the seed's order already."""
    if len(samples) < _LEAST_SAMPLES:
        raise WattscanError(
            f"--data has {len(samples)} inputs, and {_LEAST_SAMPLES} are the least: half of them "
            "measure the ranges, the others are compared"
        )
    count = min(_MOST_CALIBRATION, len(samples) // 2)
    return samples[:count], samples[count : 2 * count]


def _quantizer(path: Path, samples: Sequence[Sample], folder: Path) -> Quantizer:
    kind = OnnxQuantizer if form.format_of(path) == "onnx" else TFLiteQuantizer
    return kind(path, samples, folder)


def report(found: Outcome, tolerance: float) -> Iterator[str]:
    """What was found, a line each."""
    yield f"{'engine':<12}  {'build':<6}  {'agreement with float':<28}  {'ms':>7}  {'float ms':>8}"
    for tried in found.tried:
        yield _line(found, tried, tolerance)
    for name, left in found.in_float.items():
        each = "; ".join(f"{one.count} {one.operator} ({one.why})" for one in left)
        yield f"In float, build {name} ({BUILDS[name]}): {each or 'nothing'}"
    for layer, error in found.costly:
        yield f"With --keep-float {layer!r} it would be off by {error:.4f}"


def _line(found: Outcome, tried: Tried, tolerance: float) -> str:
    if tried.failed:
        return f"{tried.engine:<12}  {tried.build.name:<6}  does not run: {tried.failed}"
    in_float = found.float_seconds[tried.engine]
    marks = (
        ("kept", found.chosen[tried.engine] is tried and tried.error <= tolerance),
        ("too far off", tried.error > tolerance),
        ("slower than float", tried.seconds > in_float),
    )
    figures = f"{_agreement(tried):<28}  {1e3 * tried.seconds:7.2f}  {1e3 * in_float:8.2f}"
    said = ", ".join(mark for mark, is_so in marks if is_so)
    return f"{tried.engine:<12}  {tried.build.name:<6}  {figures}  {said}".rstrip()


def _agreement(tried: Tried) -> str:
    area = f", AUC-ROC {tried.areas[1]:.4f} (float {tried.areas[0]:.4f})" if tried.areas else ""
    return told(tried.compared) + area


def _refuse_far(found: Outcome, wanted: QuantizeRequest) -> None:
    best = found.best(wanted.tolerance)
    if best.error <= wanted.tolerance:
        return
    what = best.failed or _agreement(best)
    raise WattscanError(
        f"{wanted.path.name} in INT8 is refused: off by {best.error:.4f} at best ({what}, in "
        f"{best.engine}), and --tolerance allows {wanted.tolerance:g}. {_advice(found, wanted)}"
    )


def _advice(found: Outcome, wanted: QuantizeRequest) -> str:
    if found.costly:
        layers = " ".join(f"--keep-float {layer!r}" for layer, _ in found.costly[:2])
        return f"Try {layers}, which gains most; or FP16 (--variants fp16); or QAT"
    if not wanted.layers:
        return (
            "Try wattscan models quantize, which shows what each layer costs, with --keep-float "
            "or another --tolerance; or FP16 (--variants fp16); or QAT"
        )
    return (
        "No single layer is the cause: give more inputs that are like those in use (--data), or "
        "train the model with rounding (QAT); FP16 (--variants fp16) loses less"
    )


def _write(found: Outcome, wanted: QuantizeRequest, say: Say) -> list[Path]:
    """The best engine's build under the plain name, others under their engines' names."""
    wanted.out.mkdir(parents=True, exist_ok=True)
    best = found.best(wanted.tolerance)
    suffix = wanted.path.suffix.lower()
    paths = {best.build.name: wanted.out / f"{wanted.path.stem}-int8{suffix}"}
    for engine, tried in found.chosen.items():
        if tried.error <= wanted.tolerance and tried.build.name not in paths:
            paths[tried.build.name] = wanted.out / f"{wanted.path.stem}-int8-{engine}{suffix}"
    for name, path in paths.items():
        shutil.copyfile(found.paths[name], path)
        engines_of_it = [e for e, t in found.chosen.items() if t.build.name == name]
        say(f"{path.name} is build {name}, the better one in {', '.join(engines_of_it)}")
        for line in _edge_tpu(path):
            say(line)
    slower = [
        engine
        for engine, tried in found.chosen.items()
        if tried.error <= wanted.tolerance and tried.seconds > found.float_seconds[engine]
    ]
    if slower:
        say(f"INT8 is right and slower than float in {', '.join(slower)}: it saves nothing there")
    return list(paths.values())


def _edge_tpu(path: Path) -> Iterator[str]:
    """What of a TFLite file the Edge TPU's compiler does not take."""
    if form.format_of(path) != "tflite":
        return
    operators = list(edge_tpu.operators(path))
    refused = [each for each in operators if each.problems]
    yield f"Edge TPU: {len(operators) - len(refused)} of {len(operators)} operators are on its list"
    why = Counter(f"{each.name}: {'; '.join(each.problems)}" for each in refused)
    for sentence, count in why.most_common():
        yield f"Edge TPU: {count} {sentence}"
