"""`wattscan bench`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from wattscan.addresses import ip_of
from wattscan.bench import given_files
from wattscan.bench.bundle import write_bundle
from wattscan.bench.engines import SAME
from wattscan.bench.options import BenchOptions, Endpoint
from wattscan.bench.processes import end_as_interrupted
from wattscan.bench.record import read_record
from wattscan.bench.run import record, resume
from wattscan.bench.several import measure_each, tell_of_report_across
from wattscan.client.options import add_connection_arguments, tls_of, token_of
from wattscan.collector.report import Report, collect, write
from wattscan.collector.run_folder import RECORDING
from wattscan.contracts import WattscanError
from wattscan.profiles import SCENARIOS
from wattscan.serving.cli import add_target_arguments
from wattscan.workload_options import add_workload_arguments, workload_of
from wattscan.workloads import Workload, changed

_MOST_PROCESSES = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a run."""
    add_target_arguments(parser)
    add_load_arguments(parser)
    given_files.add_arguments(parser.add_argument_group("a model of your own").add_argument)
    _add_endpoints(parser.add_argument_group("a service that runs elsewhere").add_argument)
    add = parser.add_argument
    add(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="how many processes send the load, if one cannot send it all (default 1)",
    )
    add(
        "--same-engine",
        action="store_true",
        help="measure all variants in the same engine, the one that comes closest to the cheapest "
        "for each, instead of each in its own cheapest engine",
    )
    add(
        "--out",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="the folder to write runs to (default runs)",
    )
    add(
        "--resume",
        type=Path,
        metavar="RUN",
        help="continue the run in this folder, or the run of this name in --out, with the options "
        "that it was started with: only the missing windows are measured",
    )
    add(
        "--bundle",
        action="store_true",
        help="also write RUN.tar.gz with the recording, the tables, the report, all versions, and "
        "how to cite the run",
    )


def add_load_arguments(parser: argparse.ArgumentParser) -> None:
    """What shapes the load of a run, and which variants it measures."""
    load = parser.add_argument_group("what shapes the load (docs/loadtest.md)").add_argument
    load(
        "--scenario",
        choices=SCENARIOS,
        help="how queries are sent, as MLPerf Inference defines it (default SingleStream)",
    )
    add_workload_arguments(load)
    load(
        "--variants",
        type=_names,
        default=None,
        metavar="NAMES",
        help="the variants to measure, comma-separated, such as fp32,fp16,int8; the reference is "
        "always measured too (default: all variants of each task)",
    )


def load_of(args: argparse.Namespace) -> Workload:
    """What those arguments ask for. Raises: WattscanError."""
    return changed(workload_of(args, args.scenario), variants=args.variants)


def _add_endpoints(add: Callable[..., object]) -> None:
    add(
        "--endpoint",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="measure the service at this address instead of starting one; the energy is what its "
        "own sensors report. Repeat the option to measure several services in turn, with one "
        "report across all of them",
    )
    add(
        "--target-metrics",
        action="append",
        default=[],
        metavar="URL",
        help="the metrics page of the service; give one for each --endpoint, in the same order "
        "(default http://HOST:8002/metrics, or https with TLS)",
    )
    add_connection_arguments(add)


def run(args: argparse.Namespace) -> int:
    """Measure, reduce, and show the table and where the rest is. Raises: WattscanError."""
    end_as_interrupted()
    if not 1 <= args.processes <= _MOST_PROCESSES:
        raise WattscanError(f"--processes must be from 1 to {_MOST_PROCESSES}")
    if args.same_engine and args.backend:
        raise WattscanError("--backend names the engine: leave out --same-engine")
    with ExitStack() as stack:
        own = None
        if files := [] if args.resume else given_files.files_in(args):
            args, own = given_files.served(args, files, stack)
        _measure(args, own)
    return 0


def _measure(args: argparse.Namespace, own: Path | None) -> None:
    """`own`: the folder with models that were made of files. Raises: WattscanError."""
    options = BenchOptions(
        own=own,
        target=args.target,
        workload=load_of(args),
        models=args.models,
        out=args.out,
        sysfs=args.sysfs,
        backend=SAME if args.same_engine else args.backend or "",
        generator=("--processes", str(args.processes)) if args.processes != 1 else (),
    )
    endpoints = _endpoints(args)
    if len(endpoints) > 1 and not args.resume:
        measure_each(options, endpoints, lambda each: _one(args, each))
    else:
        _one(args, replace(options, endpoint=endpoints[0] if endpoints else None))


def _endpoints(args: argparse.Namespace) -> list[Endpoint]:
    """Raises: WattscanError."""
    if not args.endpoint:
        if args.target_metrics or tls_of(args) or args.token_file:
            raise WattscanError(
                "--target-metrics, TLS and tokens are of a service that runs elsewhere: name it "
                "with --endpoint HOST:PORT"
            )
        return []
    if args.backend or args.same_engine:
        raise WattscanError("the engine is the service's own: leave out --backend, --same-engine")
    pages = args.target_metrics
    if pages and len(pages) != len(args.endpoint):
        raise WattscanError(
            f"there are {len(args.endpoint)} --endpoint and {len(pages)} --target-metrics: give "
            "one for each, in the same order, or none"
        )
    scheme = "https" if tls_of(args) else "http"
    defaults = [f"{scheme}://{_host(address)}:8002/metrics" for address in args.endpoint]
    return [
        Endpoint(address, page, tls_of(args), token_of(args), _connection(args))
        for address, page in zip(args.endpoint, pages or defaults, strict=True)
    ]


def _host(address: str) -> str:
    """Of `host:port`, as it was written; an IPv6 address in brackets."""
    plain = (address.partition("://")[2] or address).rpartition("@")[2]
    if ip_of(plain.strip("[]")):
        return f"[{plain.strip('[]')}]" if ":" in plain else plain
    host = plain.rpartition(":")[0] or plain
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _connection(args: argparse.Namespace) -> tuple[str, ...]:
    """The options of the connection, as the load generator takes them; files by their whole path:
    the run may go on in another work folder."""
    found = ["--tls"] if args.tls else []
    for name in ("ca", "cert", "key", "token_file"):
        path = getattr(args, name)
        if path:
            found += [f"--{name.replace('_', '-')}", str(Path(path).absolute())]
    return tuple(found)


def _one(args: argparse.Namespace, options: BenchOptions) -> Report:
    """One run, from its first window to its report. Raises: WattscanError."""
    where = options.out
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
        report = _reduce(folder, args.bundle)
    if args.resume:
        tell_of_report_across(folder)
    return report


def _folder(given: Path, out: Path) -> Path:
    """A run is named by its folder, by a link to it, or by what the folder is called below out."""
    is_name = len(given.parts) == 1
    folder = out / given if is_name and not given.is_dir() else given
    return Path(os.path.realpath(folder)) if folder.is_dir() else folder


def _reduce(folder: Path, bundle: bool) -> Report:
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
    return report


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names, such as fp32,int8")
    return names
