"""`wattscan collect`: series -> tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattscan.collector.cells import VERDICTS
from wattscan.collector.report import TOKEN_VARIABLE, collect, write


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan collect`."""
    parser.add_argument(
        "--source",
        required=True,
        metavar="URL-or-recording",
        help="a recording that bench wrote, the folder of its run, or the address of a Prometheus "
        "HTTP API "
        f"(a bearer token is taken from {TOKEN_VARIABLE})",
    )
    parser.add_argument("--run", metavar="ID", help="the run; the newest if left out")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write the tables and report.html"
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="print only the paper's Tables 1 and 2, ours beside them",
    )
    parser.add_argument(
        "--require",
        choices=VERDICTS[:2],
        help="exit with 1 where a cell's verdict is worse than this",
    )


def run(args: argparse.Namespace) -> int:
    """Print the tables and write them out; 1 where --require is not met, else 0.

    Raises:
        WattscanError: the source, the run or the folder is not usable.
    """
    report = collect(args.source, args.run)
    sys.stdout.write(report.paper() if args.paper else report.markdown())
    if args.out:
        # The tables are on standard output.
        written = write(report, args.out)
        sys.stderr.write(f"All tables: {written[0]}\nReport: {written[-1]}\n")
    if not args.require:
        return 0
    least = VERDICTS.index(args.require)
    short = [cell for cell in report.measured.cells if VERDICTS.index(cell.verdict) > least]
    for cell in short:
        codes = ", ".join(reason.code for reason in cell.reasons)
        sys.stderr.write(f"{cell.task} {cell.precision} is {cell.verdict}: {codes}\n")
    return 1 if short else 0
