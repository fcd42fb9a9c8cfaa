"""`wattscan collect`: series -> tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from wattscan.collector.across_report import collect_across, page, write_across, write_runs
from wattscan.collector.compare_cli import place_of
from wattscan.collector.measured import Measured
from wattscan.collector.projection import Assumptions
from wattscan.collector.reasons import VERDICTS, Verdict
from wattscan.collector.render_markdown import escaped
from wattscan.collector.report import TOKEN_VARIABLE, collect, write
from wattscan.contracts import WattscanError
from wattscan.settings import MOST

_LONGEST_CURRENCY = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan collect`."""
    parser.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="URL-or-recording",
        help="a recording that bench wrote, the folder of its run, or the address of a Prometheus "
        "HTTP API "
        f"(a bearer token is taken from {TOKEN_VARIABLE}). Repeat it for a table across several "
        "targets; #ID after a source names one of its runs",
    )
    parser.add_argument(
        "--run", metavar="ID", help="the run to read from a single --source (default the newest)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to write the tables and report.html; of several sources, each run's own go "
        "into a folder below",
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="print only the paper's Tables 1 and 2 with ours beside them",
    )
    parser.add_argument(
        "--require",
        choices=VERDICTS[:2],
        help="exit with code 1 if a cell's verdict is worse than this (default: no verdict does)",
    )
    _add_projections(parser)


def _add_projections(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "projections",
        "What is given here is projected in the table `projections` from the gross energy of a "
        "scan; nothing is assumed otherwise.",
    )
    group.add_argument(
        "--battery-wh",
        type=_above_zero,
        metavar="WH",
        help="the usable energy of a battery, in Wh; adds scans per charge",
    )
    group.add_argument(
        "--price-per-kwh",
        type=_amount,
        metavar="PRICE",
        help="your price of a kWh, in --currency; adds the cost of 1,000 scans",
    )
    group.add_argument(
        "--currency", metavar="NAME", help="the currency of --price-per-kwh, such as EUR"
    )
    group.add_argument(
        "--co2-g-per-kwh",
        type=_amount,
        metavar="G",
        help="the CO2 of your electricity, in grams per kWh; adds the CO2 of 1,000 scans",
    )


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on, such as 0.3")
    return value


def _above_zero(text: str) -> float:
    value = _amount(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is not above zero: give the battery's usable Wh")
    return value


def _assumptions(args: argparse.Namespace) -> Assumptions:
    """Raises: WattscanError: a price without its currency, or a currency without a price."""
    currency = " ".join((args.currency or "").split())
    if args.price_per_kwh is not None and not currency:
        raise WattscanError("--price-per-kwh has no currency: give --currency too, such as EUR")
    if args.price_per_kwh is None and args.currency is not None:
        raise WattscanError("--currency is of a price: give --price-per-kwh too, such as 0.3")
    if len(currency) > _LONGEST_CURRENCY or not currency.isprintable():
        raise WattscanError(
            f"--currency is no short name: give up to {_LONGEST_CURRENCY} characters, such as EUR"
        )
    return Assumptions(args.battery_wh, args.price_per_kwh, currency, args.co2_g_per_kwh)


def run(args: argparse.Namespace) -> int:
    """Print the tables and write them out; 1 where --require is not met, else 0.

    Raises:
        WattscanError: the source, the run or the folder is not usable.
    """
    assumptions, require = _assumptions(args), args.require
    sources = _sources(args)
    if len(sources) > 1:
        return _several(args, sources, assumptions)
    report = collect(*sources[0], assumptions)
    sys.stdout.write(report.paper() if args.paper else report.markdown())
    if args.out:
        # The tables are on standard output.
        _tell_written(write(report, args.out))
    return 1 if require and _short(report.measured, require) else 0


def _sources(args: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Each source, and the run in it that is named. Raises: WattscanError."""
    sources = [place_of(source) for source in args.source]
    if not args.run:
        return sources
    if len(sources) > 1 or sources[0][1]:
        raise WattscanError(
            "--run is of a single --source: name the run of each source behind it, such as "
            "http://127.0.0.1:9090#ID, and leave out --run"
        )
    return [(sources[0][0], args.run)]


def _several(
    args: argparse.Namespace,
    sources: Sequence[tuple[str, str | None]],
    assumptions: Assumptions,
) -> int:
    """The same of several sources. Raises: WattscanError."""
    found = collect_across(sources, assumptions)
    if args.paper:
        for target in found.targets:
            sys.stdout.write(f"# {escaped(target.name)}\n\n{target.report.paper()}\n")
    else:
        sys.stdout.write(page(found))
    if args.out:
        write_runs(found, args.out)
        _tell_written(write_across(found, args.out))
    if not args.require:
        return 0
    met = [not _short(t.measured, args.require, f"{t.name}: ") for t in found.targets]
    return 0 if all(met) else 1


def _tell_written(files: Sequence[Path]) -> None:
    sys.stderr.write(f"All tables: {files[0]}\nReport: {files[-1]}\n")


def _short(measured: Measured, require: Verdict, who: str = "") -> bool:
    """Whether a cell's verdict is worse than what is required; each such cell is told."""
    least = VERDICTS.index(require)
    short = [cell for cell in measured.cells if VERDICTS.index(cell.verdict) > least]
    for cell in short:
        codes = ", ".join(reason.code for reason in cell.reasons)
        sys.stderr.write(f"{who}{cell.task} {cell.precision} is {cell.verdict}: {codes}\n")
    return bool(short)
