"""`wattscan compare`: two runs -> what changed, and whether anything got worse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattscan.collector.compare import Comparison, compare
from wattscan.collector.compare_json import compare_json
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.compare_text import page
from wattscan.collector.report import TOKEN_VARIABLE, Report, collect

_SAME, _WORSE, _CANNOT = 0, 1, 2
_DEFAULTS = Thresholds()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan compare`."""
    for name, what in (("run_a", "the base"), ("run_b", "the new one")):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help=f"{what}: the folder of a run, a recording, or the address of a Prometheus HTTP "
            "API. After it, #ID names one of several runs there (http://127.0.0.1:9090#ID); the "
            f"newest if left out (a bearer token is taken from {TOKEN_VARIABLE})",
        )
    add_judgement(parser)
    parser.add_argument(
        "--two-machines",
        action="store_true",
        help="treat the runs as two machines', even if they look alike: the error of each "
        "machine's sensor counts",
    )


def add_judgement(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what counts as worse, and how that is told."""
    for name, what in (
        ("energy", "gross joules of an image may rise"),
        ("latency", "p50, p90 and p99 may rise"),
        ("quality", "a score may fall on the same data set"),
    ):
        default = getattr(_DEFAULTS, name)
        parser.add_argument(
            f"--threshold-{name}",
            type=_percentage,
            default=default,
            metavar="PERCENT",
            help=f"by how much {what}, such as 5%% (default {100 * default:g}%%)",
        )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with code 1 also where a figure lies beyond its threshold but the "
        "interval does not prove it, "
        "and where a cell or a figure is not compared",
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of the page")


def run(args: argparse.Namespace) -> int:
    """Print the comparison. 0: nothing is shown to be worse beyond its threshold; 1: something is;
    2: nothing that the runs measured could be compared.

    Raises:
        WattscanError: a run cannot be read, or the two have nothing in common.
    """
    limits = Thresholds(args.threshold_energy, args.threshold_latency, args.threshold_quality)
    reports = (_read(args.run_a), _read(args.run_b))
    runs = [report.measured for report in reports]
    comparison = compare(runs[0], runs[1], limits, args.two_machines)
    code = exit_code(comparison, strict=args.strict)
    as_json = compare_json(comparison, reports, code) if args.json else None
    sys.stdout.write(as_json or page(comparison, reports))
    if code == _CANNOT:
        sys.stderr.write(
            "wattscan: no energy and no latency of the two runs can be compared; the reasons stand "
            f"under {'not_compared' if args.json else 'Not compared'}: measure again what is "
            "invalid\n"
        )
    return code


def exit_code(comparison: Comparison, *, strict: bool) -> int:
    """Of a comparison: 0, 1 or 2, as `run` has it."""
    if comparison.worse:
        return _WORSE
    if comparison.is_empty:
        return _CANNOT
    is_open = bool(comparison.unproven or comparison.left_out)
    return _WORSE if strict and is_open else _SAME


def place_of(text: str) -> tuple[str, str | None]:
    """The source and the run's id that an argument names; None: the newest."""
    if "://" not in text and Path(text).exists():
        return text, None
    source, _, name = text.partition("#") if "://" in text else _last(text)
    return source, name or None


def _last(text: str) -> tuple[str, str, str]:
    """A path may have a # of its own."""
    source, sign, name = text.rpartition("#")
    return (source, sign, name) if source else (text, "", "")


def _read(text: str) -> Report:
    return collect(*place_of(text))


def _percentage(text: str) -> float:
    """Such as 5%. Raises: ArgumentTypeError."""
    try:
        value = float(text.removesuffix("%")) if text.endswith("%") else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0% on, such as 5%")
    return value / 100
