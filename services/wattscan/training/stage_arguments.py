"""Options that several commands of `wattscan models` have."""

from __future__ import annotations

import argparse
from pathlib import Path

from wattscan import plugins
from wattscan.installation import models_folder
from wattscan.training.clinical_sets import SPLITS

DEFAULT_WORK = Path("build/models")


def add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command `train`."""
    train = commands.add_parser(
        "train",
        help="train a task's FP32 network (needs the train extra)",
        description="Train a task's FP32 network as its recipe.toml says: on its phantom, or with "
        "--data on the public data set that you downloaded to DIR. Progress goes to standard "
        "error, the checkpoint to --work. If interrupted, the same command continues.",
    )
    add_task_and_work(train)
    add_data(train)
    train.add_argument(
        "--split",
        choices=SPLITS,
        default="patient",
        help="with --data, how to split it: patient keeps all images of a patient on one side; "
        "image-leaking is the paper's split, which tests on patients seen in training (default "
        "patient)",
    )
    train.add_argument(
        "--network",
        metavar="NAME",
        help="one of the recipe's other networks (default: that of the shipped model)",
    )
    train.add_argument(
        "--seed",
        type=int,
        default=0,
        help="the seed of weights, phantom and order (default 0); a data set's split has its own",
    )
    add_epochs(train)
    train.add_argument(
        "--count",
        type=positive,
        help="how many training images of the phantom to draw (default: the recipe's)",
    )
    add_quick(train)


def add_epochs(parser: argparse.ArgumentParser) -> None:
    """`--epochs`."""
    parser.add_argument(
        "--epochs",
        type=positive,
        help="how many times to go through the training images (default: the recipe's)",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """`--data`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the folder with the task's public data set as downloaded (default: the phantom); for "
        "a file, the folder of its inputs (.npy, .npz, images or DICOM) or a Python file with "
        "preprocess(path)",
    )


def add_quick(parser: argparse.ArgumentParser) -> None:
    """`--quick`."""
    parser.add_argument(
        "--quick",
        action="store_true",
        help="run for a minute, to see that it works; the result is of no use",
    )


def add_task_and_work(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """`--task` and `--work`."""
    names = ", ".join(plugins.names("tasks"))
    parser.add_argument(
        "--task", required=required, metavar="NAME", help=f"the clinical task: {names}"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=DEFAULT_WORK,
        metavar="DIR",
        help=f"the folder for checkpoints between the stages (default {DEFAULT_WORK})",
    )


def add_models(parser: argparse.ArgumentParser) -> None:
    """`--models`."""
    parser.add_argument(
        "--models",
        type=Path,
        default=models_folder(),
        metavar="DIR",
        help="the model folder (default: the checkout's models/)",
    )


def positive(text: str) -> int:
    """A whole number from 1 on. Raises: ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def task_folder(text: str) -> tuple[str, Path]:
    """`TASK=DIR`. Raises: ArgumentTypeError."""
    task, _, folder = text.partition("=")
    if not folder or task not in plugins.names("tasks"):
        raise argparse.ArgumentTypeError(f"{text!r} is not TASK=DIR, with a task that is there")
    return task, Path(folder)
