"""A run: what was asked for is checked and announced, its folder made, and its parts measured."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from wattscan import __version__
from wattscan.addresses import host_of
from wattscan.bench.announce import announce_run, window_count
from wattscan.bench.engines import target_of
from wattscan.bench.lock import locked
from wattscan.bench.offered import at_endpoint, in_folder
from wattscan.bench.options import BenchOptions
from wattscan.bench.own_models import taken_in
from wattscan.bench.part import Part, Setup, keep_warnings
from wattscan.bench.progress import Progress
from wattscan.bench.record import Record, read_record, write_record
from wattscan.bench.resume import Past, complete, read_past
from wattscan.bench.variants import choose
from wattscan.collector.run_folder import RECORDING
from wattscan.contracts import WattscanError
from wattscan.installation import program
from wattscan.workloads import DRAWN, PHANTOM, Workload

# What `wattscan.collector.report.write` writes last.
REPORT = "report.html"


# Settings of a workload that a record has fields for.
_OWN_FIELDS = {"scenario", "profile", "rate", "seed", "reference", "tasks", "variants"}


def record(options: BenchOptions, held: ExitStack) -> Path:
    """Run; returns the folder with the recording, which stays locked until `held` is closed.

    Raises:
        WattscanError: the options are wrong, this machine can give no figure, or a process has
            ended early.
        KeyboardInterrupt: interrupted; the recording says that it is incomplete.
    """
    setup = begin(options, held)
    held.push(partial(_tell_if_interrupted, setup.folder))
    Part(setup, Past(setup.asked.run)).go()
    return setup.folder


def begin(options: BenchOptions, held: ExitStack, label: str = "") -> Setup:
    """Check what was asked for, announce it, and make the run's folder, whose name ends in `label`;
    it stays locked until `held` is closed.

    Raises: WattscanError: the options are wrong, or this machine can give no figure.
    """
    target = None if options.endpoint else target_of(options.target, options.backend)
    workload = options.workload
    variants = _chosen(options)
    every = [name for names in variants.values() for name in names]
    if workload.reference not in every:  # of one plain model there is none
        workload = replace(workload, reference=every[0])
    asked = _asked(options, workload, variants)
    progress = Progress()
    warnings = announce_run(progress, target, asked, options.out, Past(""))
    started = stamp()
    name = target.name if target else host_of(asked.endpoint)
    folder = new_folder(options.out, f"{started}-{name}-{workload.profile}{label}")
    held.enter_context(locked(folder))
    asked = replace(asked, run=folder.name, version=__version__)
    if options.own is not None:
        asked = taken_in(options.own, folder, asked)
    # From here on the run can go on, wherever it is cut short.
    write_record(folder, asked)
    keep_warnings(folder, "When the run began", warnings)
    progress.say(f"The run's folder: {folder}")
    return Setup(target, asked, folder, progress)


def resume(folder: Path, held: ExitStack) -> None:
    """Measure the windows that a run cut short has left out, into the same recording.

    Where they are all there, only the recording's end is written. The folder stays locked until
    `held` is closed.

    Raises: as `record`; WattscanError also where nothing is missing, or the run is still going on.
    """
    read_record(folder)  # a folder that is no run's gets no lock
    held.enter_context(locked(folder))
    held.push(partial(_tell_if_interrupted, folder))
    asked = read_record(folder)
    past = read_past(folder, asked)
    asked = replace(asked, run=past.run, parts=past.parts + 1)
    if len(past.done) == window_count(asked):
        _finish(folder, replace(asked, parts=past.parts), past)
        return
    target = None if asked.endpoint else target_of(asked.target, asked.backend)
    if target is not None:
        _check_folder(folder, asked)
    progress = Progress()
    warnings = announce_run(progress, target, asked, folder, past)
    keep_warnings(folder, f"When part {asked.parts} began", warnings)
    progress.say(f"The run's folder: {folder}")
    Part(Setup(target, asked, folder, progress), past).go()


def _chosen(options: BenchOptions) -> dict[str, tuple[str, ...]]:
    """Raises: WattscanError."""
    plain, endpoint = bool(options.workload.models), options.endpoint
    if endpoint is None:
        offered, where = in_folder(options.models, plain), str(options.models)
    else:
        offered = at_endpoint(endpoint.address, endpoint.tls, endpoint.token, plain)
        where = f"the service at {endpoint.address}"
    return choose(offered, options.workload, where)


def _asked(
    options: BenchOptions, workload: Workload, variants: Mapping[str, tuple[str, ...]]
) -> Record:
    endpoint, default = options.endpoint, Workload()
    settings: dict[str, Any] = {
        name: value
        for name, value in asdict(workload).items()
        if name not in _OWN_FIELDS and value != getattr(default, name)
    }
    for name in ("images", "schedule"):  # the run may go on in another work folder
        path = settings.get(name, PHANTOM)
        if path not in (PHANTOM, DRAWN):
            if not Path(path).exists():
                raise WattscanError(f"there is nothing at {path}, which {name} names")
            settings[name] = str(Path(path).absolute())
    return Record(
        # A file of the user's may lie elsewhere when the run goes on.
        target=str(Path(options.target).absolute())
        if options.target.endswith(".toml")
        else options.target,
        profile=workload.profile,
        scenario=workload.scenario,
        tasks=tuple(variants),
        models=str(options.models.absolute()),
        seed=workload.seed,
        rate=workload.rate,
        sysfs=str(options.sysfs.absolute()),
        backend=options.backend,
        variants=variants,
        reference=workload.reference,
        workload=settings,
        endpoint=endpoint.address if endpoint else "",
        target_metrics=endpoint.page if endpoint else "",
        generator=(*options.generator, *(endpoint.arguments if endpoint else ())),
    )


def _check_folder(folder: Path, asked: Record) -> None:
    """Raises: WattscanError: what was measured is no longer there."""
    try:
        offered = in_folder(Path(asked.models), bool(asked.load.models))
        for task, variants in asked.measured.items():
            load = replace(asked.load, variants=variants)
            one = replace(load, models=(task,)) if load.models else replace(load, tasks=(task,))
            choose(offered, one, asked.models)
    except WattscanError as error:
        raise WattscanError(f"the run in {folder} cannot go on: {error}") from None


def _finish(folder: Path, asked: Record, past: Past) -> None:
    """Every window is there. Raises: WattscanError: so is the rest."""
    if past.complete and (folder / REPORT).is_file():
        raise WattscanError(f"the run in {folder} is complete: nothing is missing")
    write_record(folder, asked)
    if not past.complete:
        complete(folder / RECORDING)


def how_to_go_on(folder: Path) -> str:
    """How a run that was cut short goes on: what is missing, and the command.

    Raises: WattscanError: the folder is no run's.
    """
    asked = read_record(folder)
    missing = window_count(asked) - len(read_past(folder, asked).done)
    verb = "is" if missing == 1 else "are"
    what = f"{missing} of {window_count(asked)} windows {verb}" if missing else "Only the report is"
    return f"{what} missing. To go on: {own_command('bench', '--resume', str(folder))}"


def own_command(*words: str) -> str:
    """A `wattscan` command for a shell, as this process was called."""
    own = Path(sys.argv[0])
    return shlex.join([str(own) if own.name == "wattscan" else program(), *words])


def stamp() -> str:
    """The present time in the name of a folder."""
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def _tell_if_interrupted(
    folder: Path, kind: type[BaseException] | None, _error: BaseException | None, _trace: object
) -> None:
    if kind is not None and issubclass(kind, KeyboardInterrupt):
        # A record that cannot be read any more is told by whoever resumes.
        with suppress(WattscanError, OSError):
            print(how_to_go_on(folder), file=sys.stderr)


def new_folder(out: Path, name: str) -> Path:
    """A folder of its own for a run, also when another one begins in the same second.

    Raises: WattscanError.
    """
    number = 1
    while True:
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            if not folder.is_dir():
                raise WattscanError(f"cannot write to {out}: {error.strerror}") from None
            number += 1
        else:
            return folder
