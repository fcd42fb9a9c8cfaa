"""The options that say what shapes a run's load: one vocabulary for `bench` and for Locust."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from wattscan.contracts import WattscanError
from wattscan.profiles import PROFILES, SCENARIOS
from wattscan.workload_files import load_workload, workload_names
from wattscan.workload_settings import PROTOCOLS
from wattscan.workloads import Workload, changed

# Each task in FP32 and in INT8.
_SHIPPED = 6

# Options that change one setting of a workload: name, reader, metavar, help.
_SETTINGS: tuple[tuple[str, Callable[[str], Any], str | None, str], ...] = (
    (
        "reference",
        str,
        "NAME",
        "the variant that the others are compared with (default fp32)",
    ),
    (
        "protocol",
        str,
        "NAME",
        f"the protocol to send requests over: {', '.join(PROTOCOLS)} (default wattscan.v1)",
    ),
    ("clients", int, "N", "how many connections share the queries (default 1)"),
    ("rate", float, "N", "queries a second in the scenario Server (default 20)"),
    (
        "in_flight",
        int,
        "N",
        "how many queries may be in flight: in Offline always, in Server at most (default 32, or "
        "as many as the target's queue takes)",
    ),
    ("batch", int, "N", "images in one request of a tensor protocol (default 1)"),
    (
        "images",
        str,
        "DIR",
        "what is sent: phantom, drawn (random tensors, by the seed), or a folder that has a folder "
        "for each task or model (default phantom)",
    ),
    (
        "seed",
        int,
        "N",
        "the seed of the order of images, of arrivals and of random inputs (default 2022)",
    ),
    (
        "latency_bound",
        float,
        "SECONDS",
        "the longest latency allowed at --latency-percentile, in seconds (default: latency is not "
        "judged)",
    ),
    (
        "latency_percentile",
        float,
        "PERCENT",
        "the percentile that must keep --latency-bound (default 99)",
    ),
    (
        "min_seconds",
        float,
        "SECONDS",
        "the least length of a load phase, in seconds (default: the profile's)",
    ),
    ("min_queries", int, "N", "the least number of queries in a load phase (default: no least)"),
    (
        "schedule",
        str,
        "FILE",
        "a file with the times, in seconds, one on each line, at which the scenario Server sends "
        "its queries",
    ),
)


def add_workload_arguments(add: Callable[..., object]) -> None:
    """Every one of them. `add` is an argument parser's or group's."""
    add(
        "--workload",
        default="",
        metavar="FILE",
        help="a file that describes the load: the path of a TOML file, or the name of one that "
        f"comes with Wattscan: {', '.join(workload_names())}; other options override it",
    )
    add(
        "--task",
        action="append",
        default=[],
        help="measure only this clinical task; may be repeated (default: all that are served)",
    )
    add(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="measure a served model that has no clinical task, over a tensor protocol; `bench` "
        "also takes a .onnx or .tflite file, and serves it for the run. May be repeated: files are "
        "variants of one model, and the first is the reference",
    )
    for name, reader, metavar, text in _SETTINGS:
        add(f"--{name.replace('_', '-')}", type=reader, metavar=metavar, default=None, help=text)
    add(
        "--find-rate",
        action="store_true",
        help="first look for the highest rate at which every variant keeps its latency bound, and "
        "send at that (scenario Server)",
    )
    _add_profile(add)


def _add_profile(add: Callable[..., object]) -> None:
    profiles = "; ".join(
        f"{name}: {p.repeats} x {p.load:g} s of load for each variant, at most "
        f"{_SHIPPED * p.repeats * p.window_seconds / 60:.0f} min for the {_SHIPPED} shipped models"
        for name, p in PROFILES.items()
    )
    add(
        "--run-profile",
        choices=list(PROFILES),
        default=None,
        help=f"how long and how often to measure: {profiles} (default quick)",
    )


def workload_of(options: argparse.Namespace, scenario: str | None) -> Workload:
    """The workload that was asked for. `scenario`: the one that was named beside it.

    Raises: WattscanError.
    """
    workload = load_workload(options.workload) if options.workload else Workload()
    given: dict[str, Any] = {
        name: _read(name, reader, getattr(options, name)) for name, reader, *_ in _SETTINGS
    }
    given["scenario"] = scenario
    given["profile"] = options.run_profile or None
    given["find_rate"] = True if options.find_rate else None
    if options.task or options.model:
        given["tasks"] = tuple(dict.fromkeys(options.task))
        given["models"] = tuple(dict.fromkeys(options.model))
    return changed(workload, **given)


def one_scenario(chosen: Sequence[str], has_workload: bool) -> str | None:
    """The one of Locust's user classes, which are all where none was named.

    Raises: WattscanError: it is none, or there are two.
    """
    named = list(chosen) if len(chosen) < len(SCENARIOS) else []
    if len(named) > 1 or not (named or has_workload):
        raise WattscanError(
            f"{f'{len(named)} scenarios are' if named else 'no scenario is'} chosen: name one of "
            f"{', '.join(SCENARIOS)}, or a --workload"
        )
    return named[0] if named else None


def _read(name: str, reader: Callable[[str], Any], value: Any) -> Any:
    if value is None or value == "":  # the web page's empty field
        return None
    try:
        return reader(value)
    except ValueError:
        raise WattscanError(f"--{name.replace('_', '-')} takes a number, not {value!r}") from None
