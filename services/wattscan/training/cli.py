"""`wattscan models`: the arguments, and the hand-over to the stages."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import benchmark, check, half, inventory, recipe, symmetric
from wattscan.training.clinical_sets import SPLITS, SplitBy
from wattscan.training.ptq import cli as ptq

_DEFAULT_WORK = Path("build/models")


def add_arguments(
    parser: argparse.ArgumentParser,
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Add the commands of the pipeline and of its artifacts, each with its options.

    Returns:
        What takes further commands.
    """
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    _add_train(commands)
    quantize = commands.add_parser(
        "quantize",
        help="of a task, fine-tune the trained network with 8-bit rounding; of a file, write it in "
        "INT8",
        description="Of a task (--task, needs the train extra): quantization-aware training of the "
        "checkpoint that `train` left, after a calibration whose result is kept beside it. "
        "Interrupted, it goes on where it was. Of a file of your own (--onnx, --tflite): two INT8 "
        "builds, of which the better in each engine is kept, and how far each agrees with the file "
        "in float (docs/own-models.md). Exit code 2: it is refused, and what to try next.",
    )
    _add_task_and_work(quantize, required=False)
    ptq.add_arguments(quantize)
    _add_data(quantize)
    _add_quick(quantize)
    quantize.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    export = commands.add_parser(
        "export",
        help="write FP32 and INT8 as ONNX and TFLite, with cards (needs the train extra)",
        description="Score both variants on the held-out set and write them with their cards, over "
        "what --models holds of the task.",
    )
    _add_task_and_work(export)
    _add_data(export)
    _add_models(export)
    export.add_argument(
        "--symmetric",
        action="store_true",
        help="only write the task's INT8 model, as --models holds it, once more in the form that "
        "TensorRT computes in INT8: signed, all zero points 0 (needs onnx alone, no checkpoints)",
    )
    export.add_argument(
        "--fp16",
        action="store_true",
        help="only write the task's FP32 model, as --models holds it, once more as a variant fp16, "
        "scored on the held-out set (needs the train extra and ONNX Runtime, no checkpoints)",
    )
    checking = commands.add_parser(
        "check",
        help="verify digests, formats and scores in every engine; exit code 1 if one fails",
        description="Verify every model in the folder: digests, file structure, and that each "
        "installed engine reproduces the card's score. Needs no training framework.",
    )
    _add_models(checking)
    checking.add_argument(
        "--data",
        type=_task_folder,
        action="append",
        default=[],
        metavar="TASK=DIR",
        help="the public data set that a task's models were trained on (phantoms need none)",
    )
    timing = commands.add_parser(
        "benchmark",
        help="FP32 against INT8 in every engine, medians over interleaved rounds",
        description="Time every model in every installed engine, batch 1. Needs no training "
        "framework. Close everything else first.",
    )
    timing.add_argument(
        "--models",
        type=Path,
        action="append",
        metavar="DIR",
        help="a model folder; may be given several times (default: the checkout's models/)",
    )
    timing.add_argument("--rounds", type=_positive, default=25, help="default 25")
    timing.add_argument("--threads", type=_positive, default=1, help="of each engine, default 1")
    listing = commands.add_parser(
        "list", help="show the models in the folder", description="Show the models in the folder."
    )
    _add_models(listing)
    listing.add_argument(
        "--format", choices=("table", "json"), default="table", help="json: for programs"
    )
    return commands


def run(args: argparse.Namespace) -> int:
    """Run what `add_arguments` parsed; returns the exit code. Raises: WattscanError."""
    command: str = args.models_command
    if command == "check":
        return 0 if check.check(args.models, dict(args.data)) else 1
    if command == "benchmark":
        folders = args.models or [models_folder()]
        print(benchmark.benchmark(folders, args.rounds, args.threads))
        return 0
    if command == "export" and (args.symmetric or args.fp16):
        return _add_form(args)
    if command == "quantize" and ptq.is_of_a_file(args):
        return ptq.run(args)
    if command == "list":
        print(inventory.list_models(args.models, as_json=args.format == "json"))
        return 0
    return _run_stage(command, args)


def _add_form(args: argparse.Namespace) -> int:
    """A further form of what is in the folder."""
    if args.symmetric:
        path, told = symmetric.add(args.models, args.task), "scores"
    else:
        typed = f"{_typed('export', args)} --fp16"
        path, told = half.add(args.models, args.task, args.data, typed), "verifies"
    print(f"wrote {path}; wattscan models check {told} it", file=sys.stderr)
    return 0


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser(
        "train",
        help="train a task's FP32 network (needs the train extra)",
        description="Train a task's FP32 network, as the task's recipe.toml says: on its phantom, "
        "or with --data on the public data set that was downloaded to DIR. Progress goes to "
        "standard error, the checkpoint to the work folder. Interrupted, it goes on where it was.",
    )
    _add_task_and_work(train)
    _add_data(train)
    train.add_argument(
        "--split",
        choices=SPLITS,
        default="patient",
        help="with --data: patient (the default) keeps a patient's images on one side; "
        "image-leaking is the paper's own, which tests on patients that were trained on",
    )
    train.add_argument(
        "--network", metavar="NAME", help="another of the recipe's networks than the shipped one"
    )
    train.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of weights, phantom and order (default 0); a data set's split has its own",
    )
    train.add_argument("--epochs", type=_positive, help="instead of the recipe's")
    train.add_argument("--count", type=_positive, help="training images, instead of the recipe's")
    _add_quick(train)


def _run_stage(command: str, args: argparse.Namespace) -> int:
    _require_torch()
    from wattscan.training import pipeline

    plugins.task(args.task)  # a wrong name is told before anything is made
    split: SplitBy = getattr(args, "split", "patient")
    origin = pipeline.Origin(_typed(command, args), args.data, split)
    if command == "export":
        written = pipeline.export_models(args.task, args.work, args.models, origin)
    elif command == "quantize":
        chosen = recipe.load(args.task, quick=args.quick).quantize
        if args.epochs is not None:
            chosen = replace(chosen, epochs=args.epochs)
        written = pipeline.quantize(args.task, args.work, chosen, origin)
    else:
        written = [pipeline.train(args.task, args.work, _recipe(args), args.seed, origin)]
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _recipe(args: argparse.Namespace) -> recipe.Recipe:
    if args.data is None and args.split != "patient":
        raise WattscanError("--split is for a data set: give its folder with --data DIR")
    if args.data is not None and args.count is not None:
        raise WattscanError("--count is for the phantom: a data set in --data is taken whole")
    return recipe.load(
        args.task, network=args.network, epochs=args.epochs, count=args.count, quick=args.quick
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the task's public data set, as it is downloaded; without it: the phantom. Of a file: "
        "its inputs, .npy, .npz, images or DICOM, or a Python file with preprocess(path)",
    )


def _add_quick(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="a minute's run, to see that it works; not a model"
    )


def _add_task_and_work(parser: argparse.ArgumentParser, required: bool = True) -> None:
    names = ", ".join(plugins.names("tasks"))
    parser.add_argument("--task", required=required, metavar="NAME", help=f"one of: {names}")
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
        default=models_folder(),
        metavar="DIR",
        help="the model folder (default: the checkout's models/)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _task_folder(text: str) -> tuple[str, Path]:
    task, _, folder = text.partition("=")
    if not folder or task not in plugins.names("tasks"):
        raise argparse.ArgumentTypeError(f"{text!r} is not TASK=DIR, with a task that is there")
    return task, Path(folder)


def _require_torch() -> None:
    try:
        plugins.sdk("torch", "train")
    except WattscanError as error:
        raise WattscanError(f"{error}; in a checkout: make setup-train") from None


def _typed(command: str, args: argparse.Namespace) -> str:
    """The command for the card, without folders: they are this machine's own."""
    words = ["wattscan", "models", command, "--task", args.task]
    for option in ("network", "seed", "epochs", "count"):
        value = getattr(args, option, None)
        if value is not None:
            words += [f"--{option}", str(value)]
    if args.data is not None:
        words += ["--data", "DIR"]
        if command == "train":
            words += ["--split", args.split]
    if getattr(args, "quick", False):
        words.append("--quick")
    return shlex.join(words)
