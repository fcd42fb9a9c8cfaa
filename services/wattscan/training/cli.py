"""`wattscan models`: the arguments, and the hand-over to the stages."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from wattscan import plugins
from wattscan.contracts import WattscanError
from wattscan.installation import models_folder
from wattscan.training import benchmark, check, half, inventory, recipe, stage_arguments, symmetric
from wattscan.training.clinical_sets import SplitBy
from wattscan.training.own import cli as own
from wattscan.training.ptq import cli as ptq

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_arguments(
    parser: argparse.ArgumentParser,
) -> _Commands:
    """Add the commands of the pipeline and of its artifacts, each with its options.

    Returns:
        What takes further commands.
    """
    commands = parser.add_subparsers(dest="models_command", required=True, metavar="COMMAND")
    stage_arguments.add_train(commands)
    _add_quantize(commands)
    _add_export(commands)
    _add_check(commands)
    _add_benchmark(commands)
    own.add_arguments(
        commands.add_parser(
            "add",
            help="add a file of your own to the models that are served",
            description="Copy an ONNX or TFLite file into the model folder, with sample inputs and "
            "a card that describes it. A running service loads it by itself.",
        ),
        models_folder(),
    )
    _add_list(commands)
    return commands


def _add_quantize(commands: _Commands) -> None:
    quantize = commands.add_parser(
        "quantize",
        help="make an INT8 variant: of a task by quantization-aware training, of your own file by "
        "calibration",
        description="For a task (--task, needs the train extra): quantization-aware training of "
        "the checkpoint that `train` wrote, starting from a calibrated network, which is kept too. "
        "If interrupted, the same command continues. For a file of your own (--onnx or --tflite): "
        "makes two INT8 builds, prints how closely each agrees with the float file, and keeps the "
        "better one for each engine (docs/own-models.md). Exit code 2: refused; the message says "
        "what to try next.",
    )
    stage_arguments.add_task_and_work(quantize, required=False)
    ptq.add_arguments(quantize)
    stage_arguments.add_data(quantize)
    stage_arguments.add_quick(quantize)
    stage_arguments.add_epochs(quantize)


def _add_export(commands: _Commands) -> None:
    export = commands.add_parser(
        "export",
        help="write FP32 and INT8 as ONNX and TFLite, with cards (needs the train extra)",
        description="Score both variants on the held-out set and write them with their cards. The "
        "task's models in --models are overwritten.",
    )
    stage_arguments.add_task_and_work(export)
    stage_arguments.add_data(export)
    stage_arguments.add_models(export)
    export.add_argument(
        "--symmetric",
        action="store_true",
        help="only convert the task's INT8 model in --models to the form that TensorRT computes in "
        "INT8: signed, all zero points 0 (needs only onnx, no checkpoints)",
    )
    export.add_argument(
        "--fp16",
        action="store_true",
        help="only convert the task's FP32 model in --models to a variant fp16, scored on the "
        "held-out set (needs the train extra and ONNX Runtime, no checkpoints)",
    )


def _add_check(commands: _Commands) -> None:
    checking = commands.add_parser(
        "check",
        help="verify digests, formats and scores in every engine; exit code 1 if anything fails",
        description="Verify every model in the folder: its digests, the structure of its files, "
        "and that every installed engine reproduces the score on its card. Needs no training "
        "framework. Exit code 1 if anything fails.",
    )
    stage_arguments.add_models(checking)
    checking.add_argument(
        "--data",
        type=stage_arguments.task_folder,
        action="append",
        default=[],
        metavar="TASK=DIR",
        help="the folder of the public data set that the task's models were trained on; may be "
        "repeated (models trained on a phantom need none)",
    )


def _add_benchmark(commands: _Commands) -> None:
    timing = commands.add_parser(
        "benchmark",
        help="time FP32 against INT8 in every engine",
        description="Time every model in every installed engine, with one image at a time, in "
        "interleaved rounds, and print the medians. Needs no training framework. Close all other "
        "programs first.",
    )
    timing.add_argument(
        "--models",
        type=Path,
        action="append",
        metavar="DIR",
        help="a model folder; may be repeated (default: the checkout's models/)",
    )
    timing.add_argument(
        "--rounds",
        type=stage_arguments.positive,
        default=25,
        help="how many rounds to run, each of which times every model once (default 25)",
    )
    timing.add_argument(
        "--threads",
        type=stage_arguments.positive,
        default=1,
        help="how many threads each engine uses (default 1)",
    )


def _add_list(commands: _Commands) -> None:
    listing = commands.add_parser(
        "list",
        help="list the models in the folder",
        description="List the models in the folder: network, size, score, engine, digest.",
    )
    stage_arguments.add_models(listing)
    listing.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="table for people, json for programs (default table)",
    )


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
