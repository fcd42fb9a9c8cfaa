"""`wattscan models add`: the arguments, and the hand-over."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattscan.contracts import Quality, WattscanError
from wattscan.training.own.add import STATED, ModelEntry, add, imported

_HELP = {
    "data": "what it was trained on",
    "split": "how training and test images were kept apart, such as by patient",
    "licence": "of the file",
    "intended_use": "what it is for, and what it is not for",
}


def add_arguments(parser: argparse.ArgumentParser, models: Path) -> None:
    """The file, its name, and what its card says. `models`: the default model folder."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a .onnx or .tflite file, or a folder "
        "with metadata: a MONAI bundle, or an export of Hugging Face or timm",
    )
    parser.add_argument("--name", required=True, help="of the model, such as lesion")
    parser.add_argument(
        "--variant", default="", help="of the model, such as int8 (default: what its graph is)"
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=models,
        metavar="DIR",
        help="the model folder (default: the checkout's models/)",
    )
    card = parser.add_argument_group("what the card says")
    card.add_argument("--title", default="", metavar="TEXT", help="for a reader (default: NAME)")
    for key in STATED:
        option = "--" + key.replace("_", "-")
        card.add_argument(option, dest=key, default="", metavar="TEXT", help=_HELP[key])
    card.add_argument("--metric", metavar="NAME", help="of --score, such as dice or auc_roc")
    card.add_argument("--score", type=float, help="on --dataset, from 0 to 1")
    card.add_argument("--dataset", metavar="NAME", help="the held-out set that --score is from")
    card.add_argument(
        "--samples", type=Path, metavar="DIR", help="a folder of inputs that go with the model"
    )
    parser.add_argument("--replace", action="store_true", help="write a model of that name over")
    parser.set_defaults(execute=run)


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
