"""Which engine a model runs on where the target says `auto`: the one that takes least here.

`wattscan models tune` measures it and keeps it, by the model's files, the engines' versions, their
threads and the processor. Where nothing is kept, it is OpenVINO: no server tries engines while
patients wait.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wattscan import cache, plugins
from wattscan.contracts import Format

AUTO = "auto"
DEFAULT = "openvino"
BATCH = 4
"""How many images are timed together: more gain next to nothing here, and wait for longer."""

_KEPT = "engines"
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
    alone, and of one of `BATCH` that are computed together. `date` is ISO 8601."""

    alone: Mapping[str, Cost]
    together: Mapping[str, Cost]
    date: str = ""


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
    least = min(alone.values())
    near = [name for name, cost in alone.items() if cost <= (1 + _NEAR) * least]
    best = min(near, key=lambda name: alone[name] + together[name])
    gains = together[best] <= (1 - _LEAST_GAIN) * alone[best]
    return Choice(best, BATCH if gains else 1)


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


def tuned(files: Mapping[Format, str], threads: int = 1) -> Tuning | None:
    """What is kept of a model on this machine; None: it was not tuned.

    Args:
        files: format -> SHA-256, hex.
        threads: of each engine.
    """
    found: Any = cache.read(_KEPT).get(_key(files, threads))
    try:
        alone, together = (
            {str(name): Cost(**cost) for name, cost in found[part].items()}
            for part in ("alone", "together")
        )
        sound = all(
            cost.seconds > 0 and (cost.joules is None or cost.joules >= 0)
            for cost in (*alone.values(), *together.values())
        )
        usable = sound and alone and alone.keys() == together.keys() <= set(_backends())
        return Tuning(alone, together, str(found["date"])) if usable else None
    except (TypeError, KeyError, AttributeError):  # of another version
        return None


def keep(files: Mapping[Format, str], threads: int, tuning: Tuning) -> None:
    """Keep what was measured of a model on this machine."""
    cache.write(_KEPT, {**cache.read(_KEPT), _key(files, threads): asdict(tuning)})


def _key(files: Mapping[Format, str], threads: int) -> str:
    versions = {name: plugins.engine_version(name) for name in _backends()}
    return json.dumps([dict(files), versions, threads, processor()], sort_keys=True)


def _backends() -> list[str]:
    return plugins.names("backends")


@functools.cache
def processor() -> str:
    """What the processor calls itself."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
