"""Two runs measured in turns, so that a drift of the machine weighs on both alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from wattscan.bench.check_energy.sides import Side
from wattscan.bench.options import BenchOptions
from wattscan.bench.part import Part, Setup
from wattscan.bench.progress import Progress
from wattscan.bench.record import RECORD_FILE, Record, read_record
from wattscan.bench.resume import Past, WindowKey
from wattscan.bench.run import begin
from wattscan.profiles import PROFILES


@dataclass(frozen=True)
class Turn:
    """The windows of one repeat of a task in one side's run: one part of that run."""

    side: str
    task: str
    repeat: int


def measure(sides: Sequence[Side], options: BenchOptions, held: ExitStack) -> list[Path]:
    """Measure both; returns the folders of their runs, in the order of the sides.

    The generator, the recorder and the tables are those of the code that calls: a side gives the
    service and its models. A service is started for its turn, and is gone in the other's.

    Args:
        sides: base and head.
        options: of both runs, but for the model folder, which is the side's.
        held: until it is closed, the runs' folders are locked.

    Raises: as `wattscan.bench.run.record`.
    """
    setups: dict[str, Setup] = {}
    with ExitStack() as failed:
        for side in sides:
            setup = setups[side.name] = _begun(side, options, held)
            # `bench --resume` would go on with another code: without a record it refuses.
            failed.callback((setup.folder / RECORD_FILE).unlink, missing_ok=True)
        _take_turns(setups)
        failed.pop_all()
    return [setups[side.name].folder for side in sides]


def _take_turns(setups: Mapping[str, Setup]) -> None:
    turns = list(turns_of({name: setup.asked for name, setup in setups.items()}))
    for number, turn in enumerate(turns, 1):
        progress = Progress()
        progress.say(
            f"Turn {number} of {len(turns)}: {turn.side}, {turn.task}, repeat {turn.repeat}"
        )
        parts = sum(other.side == turn.side for other in turns[:number])
        _measure(replace(setups[turn.side], progress=progress), turn, parts)


def turns_of(asked: Mapping[str, Record]) -> Iterator[Turn]:
    """Task by task, repeat by repeat: A B, B A, B A, A B, as the variants of a run do
    (`round_of` in loadtest/plan.py)."""
    names = list(asked)
    tasks = dict.fromkeys(task for record in asked.values() for task in record.measured)
    repeats = max(PROFILES[record.profile].repeats for record in asked.values())
    for task in tasks:
        for number in range(repeats):
            is_mirrored = number.bit_count() % 2  # the Thue-Morse sequence
            for name in reversed(names) if is_mirrored else names:
                if task in asked[name].measured:
                    yield Turn(name, task, number + 1)


def _begun(side: Side, options: BenchOptions, held: ExitStack) -> Setup:
    setup = begin(replace(options, models=side.models), held, f"-{side.name}")
    return replace(setup, code=side.code)


def _measure(setup: Setup, turn: Turn, parts: int) -> None:
    # With what earlier parts have written into it.
    asked = replace(read_record(setup.folder), parts=parts)
    others = _windows(asked) - {
        (turn.task, variant, str(turn.repeat)) for variant in asked.measured[turn.task]
    }
    # A part leaves out what is done: here, all that is another turn's.
    Part(replace(setup, asked=asked), Past(asked.run, done=others)).go()


def _windows(asked: Record) -> frozenset[WindowKey]:
    return frozenset(
        (task, variant, str(repeat))
        for task, variants in asked.measured.items()
        for variant in variants
        for repeat in range(1, PROFILES[asked.profile].repeats + 1)
    )
