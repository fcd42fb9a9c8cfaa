"""`wattscan models`: the arguments, and the hand-over to the stages."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from wattscan import artifacts, plugins
from wattscan.contracts import WattscanError
from wattscan.training import check, inventory, recipe

_DEFAULT_WORK = Path("build/models")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add train, quantize, export, check and list, each with its options."""
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    _add_train(commands)
    quantize = commands.add_parser(
        "quantize",
        help="fine-tune the trained network with 8-bit rounding (needs the train extra)",
        description="Quantization-aware training of the checkpoint that `train` left.",
    )
    _add_task_and_work(quantize)
    quantize.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    export = commands.add_parser(
        "export",
        help="write FP32 and INT8 as ONNX and TFLite, with cards (needs the train extra)",
        description="Score both variants on the held-out phantom and write them with their cards.",
    )
    _add_task_and_work(export)
    _add_models(export)
    checking = commands.add_parser(
        "check",
        help="verify digests, formats and scores in every engine; exit code 1 if one fails",
        description="Verify every model in the folder: digests, file structure, and that each "
        "installed engine reproduces the card's score. Needs no training framework.",
    )
    _add_models(checking)
    listing = commands.add_parser(
        "list", help="show the models in the folder", description="Show the models in the folder."
    )
    _add_models(listing)
    listing.add_argument(
        "--format", choices=("table", "json"), default="table", help="json: for programs"
    )


def run(args: argparse.Namespace) -> int:
    """Run what `add_arguments` parsed; returns the exit code. Raises: WattscanError."""
    command: str = args.models_command
    if command == "check":
        return 0 if check.check(args.models) else 1
    if command == "list":
        print(inventory.list_models(args.models, as_json=args.format == "json"))
        return 0
    return _run_stage(command, args)


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser(
        "train",
        help="train a task's FP32 network on its phantom (needs the train extra)",
        description="Train a task's FP32 network on its phantom, as the task's recipe.toml says. "
        "Progress goes to standard error; the checkpoint to the work folder.",
    )
    _add_task_and_work(train)
    train.add_argument("--seed", type=int, default=0, help="of weights, data and order (default 0)")
    train.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    train.add_argument("--count", type=_positive, help="training images, instead of the recipe's")
    train.add_argument(
        "--quick", action="store_true", help="a minute's run, to see that it works; not a model"
    )


def _run_stage(command: str, args: argparse.Namespace) -> int:
    _require_torch()
    from wattscan.training import pipeline

    plugins.task(args.task)  # a wrong name is told before anything is made
    typed = _typed(command, args)
    if command == "train":
        chosen = recipe.load(args.task, epochs=args.epochs, count=args.count, quick=args.quick)
        written = [pipeline.train(args.task, args.work, chosen, args.seed, typed)]
    elif command == "quantize":
        written = [pipeline.quantize(args.task, args.work, args.epochs, typed)]
    else:
        written = pipeline.export_models(args.task, args.work, args.models, typed)
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _add_task_and_work(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(plugins.names("tasks"))
    parser.add_argument("--task", required=True, metavar="NAME", help=f"one of: {names}")
    parser.add_argument(
        "--work",
        type=Path,
        default=_DEFAULT_WORK,
        metavar="DIR",
        help=f"checkpoints between the stages (default {_DEFAULT_WORK})",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models",
        type=Path,
        default=artifacts.default_models(),
        metavar="DIR",
        help="the model folder (default: the checkout's models/)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _require_torch() -> None:
    try:
        plugins.sdk("torch", "train")
    except WattscanError as error:
        raise WattscanError(f"{error}; in a checkout: make setup-train") from None


def _typed(command: str, args: argparse.Namespace) -> str:
    """The command for the card, without folders: they are this machine's own."""
    words = ["wattscan", "models", command, "--task", args.task]
    for option in ("seed", "epochs", "count"):
        value = getattr(args, option, None)
        if value is not None:
            words += [f"--{option}", str(value)]
    if getattr(args, "quick", False):
        words.append("--quick")
    return shlex.join(words)
