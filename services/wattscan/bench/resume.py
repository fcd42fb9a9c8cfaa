"""What the recording of a run holds, so that the run can go on where it was cut short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from wattscan import metrics
from wattscan.bench.models import Models, models_of
from wattscan.bench.record import Record
from wattscan.collector.recording import Recording, read_recording
from wattscan.collector.run_folder import RECORDING
from wattscan.collector.windows import Window, find_run
from wattscan.contracts import WattscanError
from wattscan.profiles import PHASES

_GZIP = b"\x1f\x8b"
WindowKey: TypeAlias = tuple[str, str, str]
"""Task, precision, repeat."""


@dataclass(frozen=True)
class Past:
    """What the earlier parts of a run have left.

    `run` is its id, `done` the windows that were measured whole: all four phases have an end.
    `parts` are those that have begun to measure; `models` are what `done` was measured with;
    `complete`: the recording has its end.
    """

    run: str
    done: frozenset[WindowKey] = frozenset()
    parts: int = 0
    models: Models = field(default_factory=dict)
    complete: bool = False


def read_past(folder: Path, asked: Record) -> Past:
    """What the recording in a run's folder holds; nothing where it was cut short before it began.

    Raises:
        WattscanError: it cannot be read or gone on with, or it is of another run.
    """
    path = folder / RECORDING
    if not _has_sample(path):
        return Past(asked.run or folder.name)
    source = read_recording(path)
    infos = source.last(metrics.RUN_INFO.name, {}, None, None)
    held = sorted({info.labels.get("run", "") for info in infos})
    if not held:
        return Past(asked.run or folder.name)
    run = asked.run or _only(held, path)
    if run not in held:
        raise WattscanError(
            f"{path} is not the recording of the run {run}, which run.json names: it holds "
            f"{', '.join(held)}; put the run's own recording back"
        )
    parts = source.last(metrics.RUN_PARTS.name, {"run": run}, None, None)
    finished = _finished(source, run)
    models = source.last(metrics.MODEL_INFO.name, {}, None, None) if finished else ()
    return Past(
        run=run,
        done=frozenset((w.task, w.precision, w.repeat) for w in finished),
        parts=max([1, *(int(part.value) for part in parts)]),
        models=models_of(model.labels for model in models),
        complete=not source.cut_short,
    )


def _has_sample(path: Path) -> bool:
    """Raises: WattscanError."""
    try:
        with path.open("rb") as file:
            if file.read(len(_GZIP)) == _GZIP:
                raise WattscanError(
                    f"{path} is packed, and nothing can be added to it: unpack it with gunzip"
                )
        return any(not line.startswith(b"#") for line in _whole_lines(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None


def _only(held: list[str], path: Path) -> str:
    if len(held) > 1:
        raise WattscanError(
            f"{path} holds the runs {', '.join(held)}, and run.json does not say which of them it "
            "is of: it cannot go on"
        )
    return held[0]


def _finished(source: Recording, run: str) -> list[Window]:
    """Raises: WattscanError."""
    if not source.last(metrics.RUN_PHASE_START.name, {"run": run}, None, None):
        return []
    return [window for window in find_run(source, run).windows if _is_whole(window)]


def _is_whole(window: Window) -> bool:
    ends = [window.phases[name].end if name in window.phases else None for name in PHASES]
    # Ended in this order: what a later attempt has begun anew ends after what an earlier one left.
    known = [end for end in ends if end is not None]
    return len(known) == len(PHASES) and known == sorted(known)


def reopen(path: Path) -> None:
    """Make a recording fit to be gone on with: without a last line cut short, and without its end.

    Raises: OSError.
    """
    with path.open("r+b") as file:
        kept = 0
        for line in _whole_lines(path):
            kept += len(line)
        file.truncate(kept)


def complete(path: Path) -> None:
    """Give a recording whose windows are all there its end. Raises: OSError."""
    reopen(path)
    with path.open("a", encoding="utf-8") as file:
        file.write("# EOF\n")


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n") or line.startswith(b"# EOF"):
                return
            yield line
