"""`make check-energy BASE=REV`: does this code cost more energy per image than that of REV?

Measures two revisions in turns on this machine and compares them as `wattscan compare` does.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import wattscan
from wattscan.bench.check_energy.sides import Side, check_root, prepare
from wattscan.bench.check_energy.turns import measure
from wattscan.bench.cli import add_load_arguments, load_of
from wattscan.bench.options import BenchOptions
from wattscan.bench.processes import end_as_interrupted
from wattscan.collector import compare_cli
from wattscan.collector.report import collect, write
from wattscan.collector.run_folder import RECORDING
from wattscan.contracts import WattscanError
from wattscan.serving.cli import add_target_arguments
from wattscan.streams import open_streams

_MEANINGS = {
    0: "nothing is shown to be worse beyond its threshold",
    1: "something is worse beyond its threshold",
    2: "no energy and no latency could be compared",
}
_STRICT = ", or lies beyond it unproven, or is not compared (--strict)"
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code: that of `wattscan compare`."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    open_streams()
    end_as_interrupted()
    options = _parser().parse_args(arguments)
    try:
        return run(options)
    except (WattscanError, OSError) as error:
        print(f"check-energy: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("check-energy: interrupted; its two runs cannot go on", file=sys.stderr)
        return _INTERRUPTED


def run(args: argparse.Namespace) -> int:
    """Measure, compare, and say what the exit code means. Raises: WattscanError, OSError."""
    root = Path(wattscan.__file__).parents[2]
    check_root(root)
    load = load_of(args)
    if load.find_rate:
        raise WattscanError(
            "--find-rate may find two rates, and loads that differ are not compared: give --rate"
        )
    options = BenchOptions(args.target, load, Path(), args.out, args.sysfs, args.backend or "")
    with ExitStack() as held:
        place = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="check-energy-")))
        revisions = {"base": args.base, "head": args.head}
        sides = [
            prepare(name, revision, root, place / name, _say)
            for name, revision in revisions.items()
        ]
        if args.models:
            sides = [replace(side, models=args.models) for side in sides]
        _say(f"Measuring {_told(sides)}, in turns.")
        folders = measure(sides, options, held)
        for folder in folders:
            write(collect(str(folder / RECORDING)), folder)
    args.run_a, args.run_b = map(str, folders)
    code = compare_cli.run(args)
    strict = _STRICT if code == 1 and args.strict else ""
    _say(f"A is {_told(sides[:1])}, B is {_told(sides[1:])}.")
    _say(f"Exit code {code}: {_MEANINGS[code]}{strict}.")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="check-energy", description=(__doc__ or "").replace("%", "%%")
    )
    add = parser.add_argument
    add("--base", metavar="REV", required=True, help="the git revision to compare with")
    add("--head", metavar="REV", help="the git revision to judge (default: the work tree)")
    add(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="the folder to write runs to (default runs)",
    )
    add_target_arguments(parser)
    add_load_arguments(parser)
    compare_cli.add_judgement(parser)
    parser.set_defaults(models=None, run_profile="check", two_machines=False)
    return parser


def _told(sides: list[Side]) -> str:
    return " and ".join(f"{side.name}, {side.told}" for side in sides)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
