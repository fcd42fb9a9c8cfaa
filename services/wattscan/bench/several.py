"""Several services, one after the other: a run of each, and one report across all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from wattscan.bench.options import BenchOptions, Endpoint
from wattscan.bench.run import REPORT, how_to_go_on, new_folder, own_command, stamp
from wattscan.collector.across import Failure, across
from wattscan.collector.across_report import JSON, summary, write_across
from wattscan.collector.report import Report
from wattscan.contracts import WattscanError

# Of the folder that holds a run for each service.
_SUFFIX = "-targets"


def measure_each(
    options: BenchOptions, endpoints: Sequence[Endpoint], measure: Callable[[BenchOptions], Report]
) -> None:
    """Measure each service into a common folder, and write and print the report across them.

    A service that fails does not end the others.

    Args:
        options: what all runs were asked for; their folders come into one below `out`.
        endpoints: the services, in their order.
        measure: makes one run and its own report.

    Raises:
        WattscanError: a service failed; the report is there as far as the others were measured.
        KeyboardInterrupt: no further service is measured.
    """
    folder = new_folder(options.out, f"{stamp()}{_SUFFIX}")
    reports: list[Report] = []
    failures: list[Failure] = []
    try:
        for number, endpoint in enumerate(endpoints, 1):
            _say(f"\nService {number} of {len(endpoints)}: {endpoint.address}")
            before = _runs_in(folder)
            try:
                reports.append(measure(replace(options, out=folder, endpoint=endpoint)))
            except WattscanError as error:
                failures.append(Failure(endpoint.address, str(error)))
                _say(f"The service at {endpoint.address} was not measured: {error}")
                _say_how_to_go_on(_runs_in(folder) - before)
    except KeyboardInterrupt:
        if len(reports) > 1:
            _say(f"The report across what was measured: {_command(folder)}")
        raise
    if reports:
        _write(reports, failures, folder)
    else:
        with suppress(OSError):  # a run that was begun stays
            folder.rmdir()
    if failures:
        raise WattscanError(_told(failures, len(endpoints), folder))


def tell_of_report_across(run: Path) -> None:
    """Of a run that was resumed: how to make the report across targets beside it again."""
    folder = run.parent
    if folder.name.endswith(_SUFFIX) or (folder / JSON).is_file():
        _say(f"The report across targets does not have this run as it is now: {_command(folder)}")


def _write(reports: Sequence[Report], failures: Sequence[Failure], folder: Path) -> None:
    found = across(reports, failures)
    written = write_across(found, folder)
    print(f"\n{summary(found)}")
    print(f"All tables: {written[0]}")
    print(f"Report across targets: {written[-1]}")


def _told(failures: Sequence[Failure], count: int, folder: Path) -> str:
    """What failed, why, and what to do."""
    each = "; ".join(f"{failure.endpoint}: {failure.why}" for failure in failures)
    verb = "was" if len(failures) == 1 else "were"
    told = f"{len(failures)} of {count} services {verb} not measured: {each}"
    if len(failures) == count:
        return told
    return (
        f"{told}. Measure it again with --endpoint HOST:PORT --out {folder}, and then make the "
        f"report with {own_command('collect')}, a --source for each run and --out {folder}"
    )


def _command(folder: Path) -> str:
    """Makes the report of the runs in a folder again, of those that have one of their own."""
    runs = sorted(path for path in _runs_in(folder) if (path / REPORT).is_file())
    sources = [word for path in runs for word in ("--source", str(path))]
    return own_command("collect", *sources, "--out", str(folder))


def _runs_in(folder: Path) -> set[Path]:
    return {path for path in folder.iterdir() if path.is_dir()}


def _say_how_to_go_on(runs: set[Path]) -> None:
    for run in runs:
        with suppress(WattscanError, OSError):
            _say(f"{run}: {how_to_go_on(run)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
