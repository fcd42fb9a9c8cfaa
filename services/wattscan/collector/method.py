"""How a run was made, in sentences that hold for this run: its order, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from wattscan.collector.measured import Measured
from wattscan.collector.names import listed, title_of
from wattscan.collector.windows import Run
from wattscan.installation import program
from wattscan.profiles import DEFAULT_REFERENCE
from wattscan.workloads import Workload

# What `bench` measures of the shipped models.
_SHIPPED = ("fp32", "int8")


def how(measured: Measured) -> str:
    """The order of the variants, the phases, and where energy comes from."""
    table = measured.device.table
    said = [order(measured.run)]
    if table is None:
        said.append("Energy was not measured.")
    elif table.method == "modelled":
        said.append("Energy is computed from the load by a model of the machine, not measured.")
    else:
        said.append("Energy is the sensor's counter over the load, interpolated at its edges.")
    if measured.run.parts > 1:
        said.append(f"The run was interrupted and resumed: it has {measured.run.parts} parts.")
    said.append(
        'Every figure of this run comes from the recorded series; those marked "paper\'s own" are '
        "published ones."
    )
    return " ".join(said)


def order(run: Run) -> str:
    """In which order the variants of a task were measured, as they were."""
    phases = "Each repeat is idle, warm-up, load and cooldown."
    sequences = [
        [window.precision for window in run.windows if window.task == task]
        for task in dict.fromkeys(window.task for window in run.windows)
    ]
    names = listed([title_of(p) for p in dict.fromkeys(p for s in sequences for p in s)])
    if all(len(set(sequence)) == 1 for sequence in sequences):
        return f"Only one variant of each task was measured: {names}. {phases}"
    if all(_in_turn(sequence) for sequence in sequences):
        return f"For each task {names} alternate. {phases}"
    return (
        f"{names} did not alternate in every task: a drift of the machine may look like a "
        f"difference between them. {phases}"
    )


def command(measured: Measured) -> str:
    """The command that makes such a run again."""
    run = measured.run
    words = [program(), "bench", "--target", run.target]
    for option, name in (("run-profile", "profile"), ("scenario", "scenario"), ("seed", "seed")):
        value = getattr(run, name)
        words += [f"--{option}", value] if value else []
    engines = {model.backend for cell in measured.cells for model in cell.models}
    words += ["--backend", *engines] if len(engines) == 1 and engines != {""} else []
    words += _load_options(run)
    for task in measured.tasks:
        words += ["--task", task]
    if run.reference != DEFAULT_REFERENCE:
        words += ["--reference", run.reference]
    if run.variants != _SHIPPED:
        words += ["--variants", ",".join(run.variants)]
    # An earlier version's recording does not tell how many queries a second there were.
    told = "rate" in run.workload.settings or run.scenario != "Server"
    rate = "" if told else " --rate ..."
    # Nor does any tell of the folder that variants came from which are not shipped.
    models = " --models ..." if run.variants != _SHIPPED else ""
    return shlex.join(words) + models + rate


def _load_options(run: Run) -> list[str]:
    """The settings of the workload that are not `bench`'s own; a folder's path is not on record."""
    known, default = run.workload.settings, Workload().settings
    words = []
    for name, value in known.items():
        if name in ("name", "in_flight") or value == default[name]:
            continue
        if name == "find_rate":
            words += ["--find-rate"]
        elif name == "shape":
            words += ["--workload", known.get("name", "...")]
        else:
            words += [f"--{name.replace('_', '-')}", value]
    return words


def _in_turn(sequence: Sequence[str]) -> bool:
    """Whether each round holds every variant once, over two rounds at least: A B, B A, ..."""
    variants = set(sequence)
    rounds = [sequence[i : i + len(variants)] for i in range(0, len(sequence), len(variants))]
    return len(variants) > 1 and len(rounds) > 1 and all(set(r) == variants for r in rounds)
