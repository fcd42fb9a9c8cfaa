"""Variants that `bench --variants` asks for and no file is: they are made of the first file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wattscan.contracts import ModelCard, WattscanError, datatype_of
from wattscan.training import half
from wattscan.training.own import form
from wattscan.training.ptq.quantize import QuantizeRequest, quantize

Say = Callable[[str], None]


def make_variants(
    cards: Sequence[ModelCard],
    variants: Sequence[str],
    given: Sequence[Path],
    folder: Path,
    say: Say,
) -> list[Path]:
    """Write those of `variants` that no file is, from the first file; returns their paths.

    Args:
        cards: the files that are there, the reference first.
        variants: by name.
        given: what `--data` names.
        folder: where they go.
        say: is told what is done.

    Raises:
        WattscanError: there is no way to make one, or INT8 is refused.
    """
    there = {card.precision for card in cards}
    wanted = [name.lower() for name in variants if name.lower() not in there]
    unknown = [name for name in wanted if name not in ("int8", "fp16")]
    if unknown:
        raise WattscanError(
            f"no file is {unknown[0]!r}, and it cannot be made: the files are "
            f"{', '.join(sorted(there))}, and --variants makes fp16 and int8"
        )
    source = cards[0].files[0].path
    if wanted and cards[0].datatype != "fp32":
        raise WattscanError(
            f"{', '.join(wanted)} is made from a file in FP32, and the first --model, {source}, is "
            f"in {datatype_of(cards[0].datatype).upper()}: name the FP32 file first"
        )
    made = []
    for name in wanted:
        say(f"Making {name.upper()} from {source.name} ...")
        made += _int8(source, given, folder, say) if name == "int8" else [_fp16(source, folder)]
    return made


def _int8(source: Path, given: Sequence[Path], folder: Path, say: Say) -> list[Path]:
    """The build that is best in the fastest engine."""
    return quantize(QuantizeRequest(source, given, folder, layers=0), say)[:1]


def _fp16(source: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.stem}-fp16{source.suffix}"
    convert = half.to_onnx if form.format_of(source) == "onnx" else half.to_tflite
    try:
        convert(source, path)
    except WattscanError:
        raise
    except Exception as error:  # of the converters, which share no base
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WattscanError(f"{source} has no FP16 form: {first}") from None
    return path
