"""The load generator's options, and the workload that they ask for"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wattscan.client.options import add_connection_arguments
from wattscan.contracts import WattscanError
from wattscan.workload_options import add_workload_arguments
from wattscan.workloads import Workload


def add_arguments(parser: ArgumentParser) -> None:
    """Options of a run"""
    group = parser.add_argument_group("Wattscan run (docs/loadtest.md)")
    add = group.add_argument
    add_workload_arguments(add)
    add(
        "--variants",
        action="append",
        default=[],
        metavar="[TASK=]NAMES",
        help="the variants to measure, comma-separated, of each task or of that task alone; may be "
        "repeated (default all that the service has)",
    )
    _add_run(add)
    add_connection_arguments(add)


def _add_run(add: Callable[..., object]) -> None:
    add("--run-id", default="", help="the name of the run (default: a new one)")
    add("--target", default="cpu", help="the hardware target's name, for labels (default cpu)")
    add(
        "--target-instance",
        default="",
        help="the instance label of the target's series, HOST:PORT as Prometheus scrapes it; "
        "`wattscan collect` needs it",
    )
    add(
        "--target-metrics",
        default="",
        metavar="URL",
        help="the target's metrics page; with it, a cooldown ends as soon as the target is cool",
    )
    _add_continued(add)
    add(
        "--metrics-port",
        type=int,
        default=8003,
        help="the port of the generator's own metrics page; 0 picks a free one (default 8003)",
    )
    add(
        "--metrics-address",
        default="127.0.0.1",
        help="the address of the generator's metrics page (default 127.0.0.1)",
    )


def _add_continued(add: Callable[..., object]) -> None:
    add(
        "--parts",
        type=int,
        default=1,
        help="how many parts the run has, this one included (default 1)",
    )
    add(
        "--done",
        type=Path,
        metavar="FILE",
        help="a file of windows to leave out because they are measured, one on each line: "
        "TASK PRECISION REPEAT",
    )
    add(
        "--found-rate",
        action="append",
        default=[],
        metavar="TASK=N",
        help="in a run that continues, the rate that --find-rate found for a task, in queries a "
        "second; may be repeated",
    )


def variants_of(options: Namespace, workload: Workload, subject: str) -> tuple[str, ...]:
    """Those that were asked for of a task or model; none: all."""
    texts = [text.rpartition("=") for text in options.variants]
    of_subject, of_all = ([n for t, _, n in texts if t == name] for name in (subject, ""))
    asked = ",".join(of_subject or of_all)
    return tuple(dict.fromkeys(n for n in asked.split(",") if n)) or workload.variants


def check_variants(options: Namespace, subjects: Sequence[str]) -> None:
    """Raises: WattscanError: one is of a task that the run does not have"""
    named = {text.rpartition("=")[0] for text in options.variants} - {""}
    if named - set(subjects):
        raise WattscanError(
            f"--variants names {', '.join(sorted(named - set(subjects)))}, and the run has: "
            f"{', '.join(subjects)}"
        )


def with_reference(workload: Workload, variants: Sequence[Sequence[str]]) -> Workload:
    """Where no variant that is measured is the reference, as of one plain model, there is none"""
    if any(workload.reference in names for names in variants):
        return workload
    return replace(workload, reference=variants[0][0] if variants else workload.reference)
