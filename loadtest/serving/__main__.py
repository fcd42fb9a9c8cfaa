"""The command line of the serving benchmark."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from loadtest.serving import h2load, networks, page, tables
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.results import Results
from loadtest.serving.runner import ComparisonOptions, run
from loadtest.serving.running import versions
from loadtest.serving.servers import ROOT, SPECS, WATTSCAN, Spec, with_malloc

PAGE = ROOT / "docs" / "serving-benchmark.md"
_EPILOG = (
    "Peers run from build/benchmark/peers/<name>, which `make benchmark-serving` sets up; one that "
    "is not there is listed as not run. A full run with the defaults takes about an hour. Close "
    "everything else first. Exit code: 0, all of Wattscan ran; 1, some of it did not; 2, an error."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; returns the exit code. An error is one line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser().parse_args(given)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        options = _options(parsed)
        h2load.version()  # before any server is started
        if parsed.write:
            page.replaced(PAGE.read_text(encoding="utf-8"), "")  # before an hour's work
        results = run(options, _Progress())
        text = _text(options, results, given)
        print(text)
        if parsed.json:
            parsed.json.write_text(_json(results, text), encoding="utf-8")
        if parsed.write:
            page.replace(PAGE, text)
    except BenchmarkError as error:
        print(f"loadtest.serving: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"loadtest.serving: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("loadtest.serving: interrupted; all servers have been stopped", file=sys.stderr)
        return 130
    return int(any(entry.server.startswith(WATTSCAN) for _, entry in results.absent))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.serving",
        description="CPU efficiency, throughput and latency of Wattscan's server and of others, "
        "beside a bare ONNX Runtime session, or of whole DICOM frames beside the bare pipeline, "
        "interleaved in one run on one machine.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--rounds", type=_count, default=5, help="how many rounds to run (default %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=4.0,
        help="about how many seconds a window takes (default %(default)g)",
    )
    parser.add_argument(
        "--clients",
        type=_counts,
        default=(1, 2, 4, 8),
        help="the numbers of clients, comma-separated; for DICOM frames only the least and the "
        "greatest are used (default 1,2,4,8)",
    )
    _add_subjects(parser)
    parser.add_argument(
        "--write", action="store_true", help="put the tables into docs/serving-benchmark.md"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="the file to write every window of every round to"
    )
    return parser


def _add_subjects(parser: argparse.ArgumentParser) -> None:
    names = [spec.name for spec in SPECS]
    parser.add_argument(
        "--servers",
        type=_names,
        default=names,
        help=f"the servers, comma-separated (default all: {','.join(names)})",
    )
    parser.add_argument(
        "--models",
        type=_names,
        default=networks.NAMES,
        help=f"the models, comma-separated (default {','.join(networks.NAMES)})",
    )
    parser.add_argument(
        "--malloc",
        action="store_true",
        help="also run each server with glibc told to keep freed memory",
    )


def _options(parsed: argparse.Namespace) -> ComparisonOptions:
    known = {spec.name: spec for spec in SPECS}
    for what, asked, all_names in (
        ("server", parsed.servers, known),
        ("model", parsed.models, networks.NAMES),
    ):
        if unknown := [name for name in asked if name not in all_names]:
            raise BenchmarkError(f"no {what} is named {unknown[0]!r}: {', '.join(all_names)}")
    for model in parsed.models:
        networks.path(model)
    specs: list[Spec] = [known[name] for name in dict.fromkeys(parsed.servers)]
    if parsed.malloc:
        specs += [with_malloc(spec) for spec in specs]
    models = tuple(dict.fromkeys(parsed.models))
    return ComparisonOptions(parsed.rounds, parsed.seconds, parsed.clients, models, tuple(specs))


def _text(options: ComparisonOptions, results: Results, arguments: Sequence[str]) -> str:
    found = {spec.name: versions(spec) for spec in options.specs}
    return f"{page.heading(options, arguments)}\n\n{tables.render(results, options.specs, found)}"


def _json(results: Results, text: str) -> str:
    return json.dumps(
        {
            "conditions": text.partition("\n")[0],
            "windows": [dataclasses.asdict(sample) for sample in results.samples],
            "servers": [
                {"server": server, "model": model, **dataclasses.asdict(facts)}
                for (server, model), facts in results.facts.items()
            ],
            "not_run": [
                {"model": model, **dataclasses.asdict(entry), "reason": reason}
                for (model, entry), reason in results.absent.items()
            ],
        },
        indent=1,
    )


class _Progress:
    """Lines on standard error, with the time since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self._start:6.0f} s  {text}", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({_count(part) for part in text.split(",")}))


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("more than 0, and 600 at most")
    return value


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
