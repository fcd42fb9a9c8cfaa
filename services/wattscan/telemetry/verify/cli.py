"""`wattscan sensors verify`: a device's sensors checked against each other, and a page of it."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from wattscan import plugins
from wattscan.contracts import (
    SensorAbsent,
    SensorChoice,
    Target,
    Verifiable,
    WattscanError,
    printable,
)
from wattscan.targets import load_target
from wattscan.telemetry.arguments import add_place, add_steps, check_writable
from wattscan.telemetry.discovery import Found, FoundSensor, discover, patiently
from wattscan.telemetry.loads import end_in_order
from wattscan.telemetry.machine import machine_facts
from wattscan.telemetry.proof import is_modelled, measures, prove
from wattscan.telemetry.verify.found_sources import VerifyPlan
from wattscan.telemetry.verify.loads import ControlledLoad, make_load
from wattscan.telemetry.verify.page import Section, VerifyReport, data, markdown, summary
from wattscan.telemetry.verify.phases import Verification
from wattscan.telemetry.verify.results import BLOCKED, Result
from wattscan.units import Seconds

_DEVICES = Path("docs/devices")
# Of a step's seconds.
_SETTLE, _LEAST_SETTLE = 0.2, Seconds(0.5)
_STANDS = "its figure does not move"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `wattscan sensors verify`."""
    add_place(parser, again=True)
    add_steps(parser, each=10)
    parser.add_argument(
        "--load",
        metavar="COMMAND",
        help="a command that makes the load (default: PyTorch on the GPUs of a target that "
        "computes with CUDA, else all processors). It is started for each step and ended after "
        "it; it is on for the part WATTSCAN_LOAD (0 to 1) of every WATTSCAN_PERIOD seconds of "
        "the monotonic clock. "
        "It must be at work when measuring begins: after a fifth of SECONDS, 0.5 s at least",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the page to write (default TARGET-DATE.md in docs/devices, or in the work folder "
        "where "
        "there is no such folder)",
    )
    # The table's command above has a --format too: its default holds unless it is given here.
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default=argparse.SUPPRESS,
        help="text prints sentences; json prints all results in one line (default text)",
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Verify and write the page; 0 where nothing differs, else 1. Raises: WattscanError."""
    logging.getLogger("wattscan").setLevel(logging.ERROR)  # the page tells
    target = load_target(options.target)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    out = options.out or _default(target, today)
    check_writable(out)
    end_in_order()
    _tell("looking for sensors")
    found = discover(target, options.sysfs)
    sensors = [_as_read(each) for each in found.sensors if measures(each.sensor)]
    if not sensors:
        raise WattscanError(_nothing(found))
    gauges, devices = _beside(sensors)
    levels = [number / (options.steps - 1) for number in range(options.steps)]
    settle = Seconds(max(_LEAST_SETTLE, _SETTLE * options.seconds))
    plan = VerifyPlan(options.seconds, settle, levels, _tell)
    _tell("starting the load")
    with make_load(target, options.load) as load:
        sections = _sections(Verification(target, sensors, gauges, load, plan), found)
        conditions = _conditions(target, plan, load)
    report = VerifyReport(
        target.name, target.title, today, _command(options),
        machine_facts(sysfs=options.sysfs), devices, conditions, found.absent, sections,
    )  # fmt: skip
    try:
        out.write_text(markdown(report), encoding="utf-8")
    except OSError as error:  # the disk is full, say
        raise WattscanError(f"{out} cannot be written: {error.strerror}") from None
    print(json.dumps(data(report), allow_nan=False) if options.format == "json" else _text(report))
    _tell(f"the page is {out}")
    return 1 if report.differs else 0


def _sections(verification: Verification, found: Found) -> list[Section]:
    """All phases. Raises: WattscanError, where no source moves."""
    with verification as v:
        v.poll()
        v.prove()
        if not any(source.sensor in {f.sensor.name for f in found.sensors} for source in v.sources):
            raise WattscanError(_nothing(found, v.blocked))
        made = list(_made(v))
        # The last to be known: a sensor may block in any phase.
        reads = Section("Reads", "Each sensor is read as fast as is reasonable.", v.reads())
        return [reads, *made]


def _made(v: Verification) -> Iterator[Section]:
    yield _section(
        "Update period and resolution",
        "Median time between two moves of a figure or its time, and the smallest move, at half "
        "load. A counter's own steps are joules, a power's are watts.",
        v.renewals(), "no source moved while it was read",
    )  # fmt: skip
    yield _section(
        "Idle and stepped loads", "Mean power at each load: of a counter, the difference of its "
        "count; of a power, its integral.", v.step(), "no source spoke",
    )  # fmt: skip
    one = "no device here has both a counter and a power"
    yield _section(
        "Counter over integrated power", "The ratio at each load, of the same device.",
        v.counters_over_power(), one,
    )  # fmt: skip
    yield _section(
        "Each source against the others", "Of sources of one device at one scope: a straight line "
        "through the steps, by least squares.", v.against_each_other(), "only one source",
    )  # fmt: skip
    yield _section(
        "Bursts", "The load goes on and off, half of the time each. The power is sampled at the "
        "interval that the conditions name, and integrated.", v.bursts(), one,
    )  # fmt: skip
    yield _section(
        "Energy of requests", "Synthetic requests in pairs under half load. What they get, what is "
        "held for them and what is idle must be the device's energy.", v.requests(),
        "no measured source is read by the tables",
    )  # fmt: skip
    yield _section("Cost of sampling", "Processor time of the sampler, idle.", v.cost(), "")


def _section(title: str, note: str, results: Sequence[Result], why_none: str) -> Section:
    none = [Result("", {}, "not measurable here", why_none)]
    return Section(title, note, results or none)


def _as_read(each: FoundSensor) -> FoundSensor:
    """A calibration is left out: what the device says is verified."""
    return replace(each, choice=replace(each.choice, corrections={}))


def _beside(sensors: Sequence[FoundSensor]) -> tuple[list[FoundSensor], Mapping[str, str]]:
    """Other figures of the same devices, for verification only; the devices' names and driver."""
    gauges: list[FoundSensor] = []
    facts: dict[str, str] = {}
    for choice in {each.choice.name: each.choice for each in sensors}.values():
        module = plugins.sensor(choice.name)
        if isinstance(module, Verifiable):
            with contextlib.suppress(SensorAbsent):
                told, found = patiently(choice.name, partial(_beside_one, module, choice))
                facts |= told
                gauges += found
    return gauges, facts


def _beside_one(
    module: Verifiable, choice: SensorChoice
) -> tuple[Mapping[str, str], list[FoundSensor]]:
    facts, found = module.device_facts(choice.settings), []
    for gauge in module.gauges(choice.settings):
        with contextlib.suppress(SensorAbsent):
            found.append(FoundSensor(gauge, choice, prove(gauge, choice)))
    return facts, found


def _nothing(found: Found, blocked: Collection[str] = ()) -> str:
    names = [each.sensor.name for each in found.sensors if measures(each.sensor)]
    modelled = [each.sensor.name for each in found.sensors if is_modelled(each.sensor)]
    reasons = [
        *(f"{name}: it is modelled, and measures nothing" for name in modelled),
        *(f"{name}: {BLOCKED if name in blocked else _STANDS}" for name in names),
        *(f"{name}: {why}" for name, why in found.absent.items()),
    ]
    said = "there is nothing to verify: no source of power or energy is proven"
    return "\n  ".join([f"{said}:", *reasons] if reasons else [said])


def _conditions(target: Target, plan: VerifyPlan, load: ControlledLoad) -> dict[str, str]:
    return {
        "load": load.name,
        "levels": ", ".join(f"{level:.0%}" for level in plan.levels),
        "seconds of each step": f"{plan.seconds:g}, after {plan.settle:g} to settle",
        "sampling interval": f"{target.sample_interval:g} s; of a power that nothing counts, at "
        "most what its sensor says (NVML: 0.02 s)",
    }


def _command(options: argparse.Namespace) -> str:
    """As it was given, without what may name a user: paths and the load's command."""
    target = Path(options.target).name
    load = " --load COMMAND" if options.load else ""
    return (
        f"wattscan sensors verify --target {target} --steps {options.steps} "
        f"--seconds {options.seconds:g}{load}"
    )


def _default(target: Target, today: datetime.date) -> Path:
    folder = _DEVICES if _DEVICES.is_dir() else Path()
    return folder / f"{target.name}-{today}.md"


def _text(report: VerifyReport) -> str:
    rows = [
        f"{r.verdict:<20}{s.title}: {r.subject}{': ' if r.subject else ''}{r.why}"
        for s in report.sections
        for r in s.results
    ]
    return "\n".join(map(printable, [*rows, "", summary(report)]))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
