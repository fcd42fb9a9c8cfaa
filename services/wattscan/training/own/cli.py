"""`wattscan models add`: the arguments, and the hand-over."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from wattscan.contracts import Quality, WattscanError
from wattscan.training.own.add import STATED, ModelEntry, add, imported

_HELP = {
    "data": "what the model was trained on",
    "split": "how training and test images were kept apart, such as by patient",
    "licence": "the licence of the file",
    "intended_use": "what the model is for, and what it is not for",
}


def add_arguments(parser: argparse.ArgumentParser, models: Path) -> None:
    """The file, its name, and what its card says. `models`: the default model folder."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a .onnx or .tflite file, or a folder with metadata: a MONAI bundle, or an export "
        "from Hugging Face or timm",
    )
    parser.add_argument(
        "--name", required=True, help="the name to serve the model by, such as lesion"
    )
    parser.add_argument(
        "--variant",
        default="",
        metavar="NAME",
        help="the variant, such as int8 (default: the precision found in the file)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=models,
        metavar="DIR",
        help="the model folder (default: the checkout's models/)",
    )
    parser.add_argument("--replace", action="store_true", help="overwrite a model of this name")
    _add_card(parser.add_argument_group("what the card says").add_argument)
    parser.set_defaults(execute=run)


def _add_card(add: Callable[..., object]) -> None:
    add("--title", default="", metavar="TEXT", help="a readable title (default: --name)")
    for key in STATED:
        option = "--" + key.replace("_", "-")
        add(option, dest=key, default="", metavar="TEXT", help=_HELP[key])
    add("--metric", metavar="NAME", help="the metric of --score, such as dice or auc_roc")
    add("--score", type=float, help="the score on --dataset, from 0 to 1")
    add("--dataset", metavar="NAME", help="the held-out data set that was scored")
    add("--samples", type=Path, metavar="DIR", help="a folder of inputs to keep with the model")


def run(args: argparse.Namespace) -> int:
    """Add it; returns the exit code. Raises: WattscanError."""
    entry = ModelEntry(
        path=args.file,
        name=args.name,
        variant=args.variant,
        title=args.title,
        stated={key: getattr(args, key) for key in STATED},
        quality=_quality(args),
        samples=args.samples,
    )
    if args.file.is_dir():
        entry = imported(args.file, entry)
    folder = add(args.models, entry, over=args.replace)
    print(f"wrote {folder}; wattscan serve serves it, also while it runs", file=sys.stderr)
    return 0


def _quality(args: argparse.Namespace) -> tuple[Quality, ...]:
    given = [args.metric, args.score, args.dataset]
    if given == [None, None, None]:
        return ()
    if None in given:
        raise WattscanError("a score needs all three: --metric, --score and --dataset")
    if not 0 <= args.score <= 1:
        raise WattscanError(f"--score is {args.score:g}: give one from 0 to 1")
    return (Quality(args.metric, args.dataset, args.score),)
