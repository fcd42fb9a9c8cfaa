"""`wattscan models quantize` of a file: the arguments, and the hand-over."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattscan.contracts import WattscanError
from wattscan.training.ptq.plan import LAYERS, TOLERANCE
from wattscan.training.ptq.quantize import QuantizeRequest, quantize


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What belongs to a file; `--data` is the pipeline's own option."""
    own = parser.add_argument_group("a file of your own (needs the quantize extra)")
    own.add_argument("--onnx", type=Path, metavar="FILE", help="the ONNX file to quantize, in FP32")
    own.add_argument(
        "--tflite", type=Path, metavar="FILE", help="the TFLite file to quantize, in FP32 or FP16"
    )
    own.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the folder to write NAME-int8 to (default: that of the file)",
    )
    own.add_argument(
        "--keep-float",
        action="append",
        default=[],
        metavar="LAYER",
        help="a layer to leave in float, by the name that this command prints; may be repeated",
    )
    own.add_argument(
        "--tolerance",
        type=_tolerance,
        default=TOLERANCE,
        metavar="PART",
        help="how far INT8 may be off, from 0 to 1: 1 - Dice for masks, 1 - top-1 agreement for "
        "classes, else the relative error; if --data has label(path), the loss of AUC-ROC "
        f"(default {TOLERANCE:g})",
    )
    own.add_argument(
        "--layers",
        type=_count,
        default=LAYERS,
        metavar="N",
        help="how many layers to try in float, one at a time, to find out what each costs "
        f"(default {LAYERS})",
    )


def is_of_a_file(args: argparse.Namespace) -> bool:
    """Whether a file is to be quantized, and not a task.

    Raises: WattscanError: neither is named, or more than one.
    """
    named = [n for n in ("task", "onnx", "tflite") if getattr(args, n) is not None]
    if len(named) != 1:
        raise WattscanError(
            "name what to quantize: --task NAME, a checkpoint of the pipeline; or --onnx FILE or "
            "--tflite FILE, a file of your own"
        )
    return named != ["task"]


def run(args: argparse.Namespace) -> int:
    """Quantize; returns the exit code. Raises: WattscanError."""
    path: Path = args.onnx or args.tflite
    suffix = ".onnx" if args.onnx else ".tflite"
    if path.suffix.lower() != suffix:
        raise WattscanError(f"{path} does not end in {suffix}: name it with the other option")
    wanted = QuantizeRequest(
        path=path,
        given=[args.data] if args.data else [],
        out=args.out or path.parent,
        keep=tuple(args.keep_float),
        tolerance=args.tolerance,
        layers=args.layers,
    )
    for made in quantize(wanted, _say):
        print(f"wrote {made}", file=sys.stderr)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
