"""`wattscan collect`: series -> tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattscan.collector.cells import VERDICTS
from wattscan.collector.projection import Assumptions
from wattscan.collector.report import TOKEN_VARIABLE, collect, write
from wattscan.contracts import WattscanError
from wattscan.settings import MOST

_LONGEST_CURRENCY = 12


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
        help="usable energy of a battery, Wh: gives scans per charge",
    )
    group.add_argument(
        "--price-per-kwh",
        type=_amount,
        metavar="PRICE",
        help="your price of a kWh, in --currency: gives the cost of 1,000 scans",
    )
    group.add_argument("--currency", metavar="NAME", help="of --price-per-kwh, such as EUR")
    group.add_argument(
        "--co2-g-per-kwh",
        type=_amount,
        metavar="G",
        help="intensity of your electricity, grams of CO2 per kWh: gives the CO2 of 1,000 scans",
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
    report = collect(args.source, args.run, _assumptions(args))
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
