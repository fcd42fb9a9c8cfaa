"""Which engine a model runs in where the target says `auto`: the one that costs the least here.

`wattscan models tune` measures it and keeps it, by the model's files, the engines' versions and the
processor. Where nothing is kept, it is OpenVINO: no server tries engines while patients wait.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wattscan import cache, plugins
from wattscan.contracts import ModelFile

DEFAULT = "openvino"
BATCH = 4
"""How many images are timed together: more gain next to nothing here, and wait for longer."""

_KEPT = "engines"
_MOST = 1e9  # seconds and joules of no image
# The first image of a batch waits for its last: what saves the engine less than this saves the
# service nothing, and makes p99 worse (`make benchmark-batching`; docs/models.md).
_LEAST_GAIN = 0.08
# Engines that are so near the best alone are told apart by what they take in a batch.
_NEAR = 0.05


@dataclass(frozen=True)
class Cost:
    """Of one image: seconds of processor time; joules of the device, where a sensor counted."""

    seconds: float
    joules: float | None = None


@dataclass(frozen=True)
class Tuning:
    """What was measured of one model on this machine: backend -> the cost of an image that comes
    alone, and of one of `BATCH` that are computed together.

    `date` is ISO 8601; `threads` are of each engine; `meter` is what counted joules, or empty;
    `compared`: whether the engines were seen to answer as the model's file says.
    """

    alone: Mapping[str, Cost]
    together: Mapping[str, Cost]
    date: str = ""
    threads: int = 1
    meter: str = ""
    compared: bool = True


@dataclass(frozen=True)
class Choice:
    """A backend, and how many waiting images it takes at once."""

    backend: str = DEFAULT
    max_batch_size: int = 1


def cheapest(tuning: Tuning) -> Choice:
    """The engine whose image costs least: in joules where all were counted, else in processor time.

    Most images come alone, so that an engine that costs more than the best alone is left out; of
    those that cost about as much, the one that also gains from a batch is taken.
    """
    alone, together = _plain(tuning)
    gains = {name: together[name] <= (1 - _LEAST_GAIN) * cost for name, cost in alone.items()}
    least = min(alone.values())
    near = [name for name, cost in alone.items() if cost <= (1 + _NEAR) * least]
    best = min(near, key=lambda name: alone[name] + (together if gains[name] else alone)[name])
    return Choice(best, BATCH if gains[best] else 1)


def same_engine(tunings: Sequence[Tuning]) -> str | None:
    """The one engine on which all these models cost least, each against its own best; None where no
    engine runs them all."""
    costs = [_plain(tuning)[0] for tuning in tunings]
    able = set.intersection(*(set(alone) for alone in costs)) if costs else set()
    over = {name: sum(a[name] / min(a.values()) for a in costs) for name in sorted(able)}
    return min(over, key=over.__getitem__, default=None)


def _plain(tuning: Tuning) -> tuple[dict[str, float], dict[str, float]]:
    """The costs as numbers of one unit."""
    pairs = (tuning.alone, tuning.together)
    counted = all(cost.joules for costs in pairs for cost in costs.values())
    alone, together = (
        {name: (counted and cost.joules) or cost.seconds for name, cost in costs.items()}
        for costs in pairs
    )
    return alone, together


def tuned(files: Iterable[ModelFile]) -> Tuning | None:
    """What is kept of a model on this machine; None: it was not tuned."""
    found: Any = cache.read(_KEPT).get(_key(files))
    try:
        alone, together = (
            {str(name): Cost(**cost) for name, cost in found[part].items()}
            for part in ("alone", "together")
        )
        rest = Tuning(alone, together, str(found["date"]), int(found["threads"]),
                      str(found["meter"]), bool(found["compared"]))  # fmt: skip
        return rest if _is_sound(rest) else None
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError):  # of another version
        return None


def keep(files: Iterable[ModelFile], tuning: Tuning) -> None:
    """Keep what was measured of a model on this machine. Raises: WattscanError, if it cannot be."""
    cache.add(_KEPT, {_key(files): asdict(tuning)})


def _is_sound(tuning: Tuning) -> bool:
    alone, together = tuning.alone, tuning.together
    costs = [*alone.values(), *together.values()]
    return (
        bool(alone)
        and alone.keys() == together.keys() <= set(plugins.usable("backends"))
        and all(0 < cost.seconds < _MOST for cost in costs)
        and all(cost.joules is None or 0 <= cost.joules < _MOST for cost in costs)
    )


def _key(files: Iterable[ModelFile]) -> str:
    backends = plugins.usable("backends")
    versions = {name: plugins.engine_version(name) for name in backends}
    # Those that a processor's engines read.
    formats = {plugins.backend(name).FORMAT for name in backends}
    told = {file.format: file.sha256 for file in files if file.format in formats}
    return json.dumps([told, versions, _processor_in_full()], sort_keys=True)


def processor() -> str:
    """What the processor calls itself."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _processor_in_full() -> list[str]:
    """What tells it from others: one of Arm's has no name, and a virtual machine's is often only
    its maker's."""
    return [
        platform.machine(),
        *(f"{key}: {_cpuinfo()[key]}" for key in _TOLD if key in _cpuinfo()),
    ]


_TOLD = (
    "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU variant",
)  # fmt: skip


@functools.cache
def _cpuinfo() -> dict[str, str]:
    """Of the first processor."""
    with suppress(OSError):
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
        pairs = (line.partition(":") for line in first.splitlines())
        return {key.strip(): value.strip() for key, _, value in pairs}
    return {}
