"""`wattscan bench`."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from wattscan.bench.bundle import write_bundle
from wattscan.bench.engines import SAME
from wattscan.bench.progress import duration
from wattscan.bench.record import read_record
from wattscan.bench.run import Options, record, resume
from wattscan.collector.report import collect, write
from wattscan.collector.run_folder import RECORDING
from wattscan.contracts import WattscanError
from wattscan.metrics import DEFAULT_REFERENCE, PROFILES, SCENARIOS
from wattscan.serving.cli import add_target_arguments

# What is shipped: each task in FP32 and in INT8.
_TASKS, _VARIANTS = 3, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a run."""
    add_target_arguments(parser)
    add = parser.add_argument
    profiles = "; ".join(
        f"{name}: {p.repeats} x {p.load:g} s of load for each variant, at most "
        f"{duration(_TASKS * _VARIANTS * p.repeats * p.window_seconds)} for {_TASKS} tasks"
        for name, p in PROFILES.items()
    )
    add("--profile", choices=list(PROFILES), default="quick", help=f"{profiles} (default quick)")
    add(
        "--scenario",
        choices=SCENARIOS,
        default="SingleStream",
        help="MLPerf Inference's scenario (default SingleStream)",
    )
    add("--rate", type=_rate, default=20.0, help="queries a second (Server; default 20)")
    add(
        "--same-engine",
        action="store_true",
        help="measure all variants in one engine, the one that is nearest to each one's cheapest, "
        "not each in its own",
    )
    add("--task", action="append", default=[], help="only this one; may be repeated")
    add(
        "--variants",
        type=_names,
        default=(),
        metavar="NAMES",
        help="the variants to measure, comma-separated, such as fp32,fp16,int8; the reference is "
        "measured too (default all that the model folder has of a task)",
    )
    add(
        "--reference",
        default=DEFAULT_REFERENCE,
        metavar="NAME",
        help="the variant that the others are compared with (default %(default)s)",
    )
    add(
        "--out", type=Path, default=Path("runs"), metavar="DIR", help="where runs go (default runs)"
    )
    add("--seed", type=int, default=2022, help="of the image order (default 2022)")
    add(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with the run in that folder, or of that name below --out, with what it was "
        "asked for: measure the windows that are missing",
    )
    add(
        "--bundle",
        action="store_true",
        help="also write RUN.tar.gz: recording, tables, report, versions and how to cite it",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, reduce, and show the table and where the rest is. Raises: WattscanError."""
    # A polite kill cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.same_engine and args.backend:
        raise WattscanError("--backend names the engine: leave out --same-engine")
    options = Options(
        target=args.target,
        profile=args.profile,
        scenario=args.scenario,
        tasks=tuple(args.task),
        models=args.models,
        out=args.out,
        seed=args.seed,
        rate=args.rate,
        sysfs=args.sysfs,
        backend=SAME if args.same_engine else args.backend or "",
        variants=args.variants,
        reference=args.reference,
    )
    where = args.out
    # No other process may write to the run's folder until its report is there.
    with ExitStack() as held:
        try:
            if args.resume:
                folder = where = _folder(args.resume, args.out)
                resume(folder, held)
            else:
                folder = record(options, held)
        except OSError as error:
            raise WattscanError(f"cannot write the run to {where}: {error.strerror}") from None
        _reduce(folder, args.bundle)
    return 0


def _folder(given: Path, out: Path) -> Path:
    """A run is named by its folder, by a link to it, or by what the folder is called below out."""
    is_name = len(given.parts) == 1
    folder = out / given if is_name and not given.is_dir() else given
    return Path(os.path.realpath(folder)) if folder.is_dir() else folder


def _reduce(folder: Path, bundle: bool) -> None:
    print("Reducing the recording ...", file=sys.stderr)
    run = read_record(folder).run
    report = collect(str(folder / RECORDING), run)
    write(report, folder)
    print(f"\n{report.headline}\n\n{report.table('energy')}")
    recording = folder / RECORDING
    print(f"Recording: {recording} ({recording.stat().st_size / 1e6:.0f} MB)")
    print(f"All tables: {folder / 'tables.md'}")
    if bundle:
        print(f"Bundle: {write_bundle(folder, run)}")
    print(f"Report: {folder / 'report.html'}")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names, such as fp32,int8")
    return names


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a rate above 0")
    return rate
