"""`--model FILE` and `--data` of `wattscan bench`: from the options to what a run is asked for."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from wattscan.bench.own_models import OwnModelOptions, OwnModels, prepare
from wattscan.contracts import WattscanError
from wattscan.serving.cli import chosen_target
from wattscan.training.own.form import is_file_name
from wattscan.workload_options import workload_of

_PROTOCOL = "oip"


def add_arguments(add: Callable[..., object]) -> None:
    """What belongs to `--model FILE`. `add` is an argument parser's or group's."""
    add(
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="with --model FILE: the inputs to send, as a folder of .npy, .npz, image or DICOM "
        "files, or as a Python file with preprocess(path) and optionally score(outputs, path) or "
        "label(path); give both if the files are not in the Python file's folder (default: random "
        "inputs, drawn with --seed)",
    )


def files_in(args: argparse.Namespace) -> list[Path]:
    """The files that `--model` names; none where it names models that are served.

    Raises: WattscanError: it names both, or an option does not go with files.
    """
    files = [Path(name) for name in args.model if is_file_name(name)]
    if not files:
        if args.data:
            raise WattscanError("--data goes with files: name one with --model FILE.onnx")
        return []
    others = [name for name in args.model if not is_file_name(name)]
    if others:
        raise WattscanError(
            f"--model names files and the served model {others[0]!r}: measure them in a run each"
        )
    for option, given in (("--endpoint", args.endpoint), ("--task", args.task)):
        if given:
            raise WattscanError(f"{option} does not go with --model FILE, which is served here")
    if args.images:
        raise WattscanError("of a file, --data says what is sent: leave out --images")
    return files


def served(
    args: argparse.Namespace, files: list[Path], stack: ExitStack
) -> tuple[argparse.Namespace, Path]:
    """The options with the files as a model that is served, and the folder that has it; the folder
    is removed with `stack`, unless a run has taken it.

    Raises: WattscanError.
    """
    target = chosen_target(args.target, args.backend)
    where = _folder(args.out, stack)
    plain = argparse.Namespace(**{**vars(args), "model": []})
    seed = workload_of(plain, args.scenario).seed
    asked = OwnModelOptions(
        files, args.data, target, args.sysfs, seed, args.same_engine, args.variants or ()
    )
    return _asked(args, prepare(asked, where, _say)), where


def _asked(args: argparse.Namespace, made: OwnModels) -> argparse.Namespace:
    changes = {
        "model": [made.name],
        "models": made.folder,
        "images": made.images,
        "protocol": args.protocol or _PROTOCOL,
        "reference": args.reference or made.variants[0],
        "variants": made.variants if len(made.variants) > 1 else None,
        "same_engine": False,
    }
    return argparse.Namespace(**{**vars(args), **changes})


def _folder(out: Path, stack: ExitStack) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        where = Path(tempfile.mkdtemp(prefix=".files-", dir=out))
    except OSError as error:
        raise WattscanError(f"cannot write to {out}: {error.strerror}") from None
    stack.callback(shutil.rmtree, where, ignore_errors=True)
    return where


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
