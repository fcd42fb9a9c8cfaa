"""`run.json`: what a run was asked for, so that it can go on where it was cut short."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from wattscan import __version__
from wattscan.bench.record_rules import RULES, is_text
from wattscan.contracts import WattscanError
from wattscan.profiles import DEFAULT_REFERENCE, PROFILES, SCENARIOS
from wattscan.workload_files import last_due
from wattscan.workloads import Workload, changed

RECORD_FILE = "run.json"
_FORMER_VARIANTS = ("fp32", "int8")


@dataclass(frozen=True)
class Record:
    """What a run was asked for. The two instances are the labels that its pages' series have, also
    where a later part of the run listens on other ports. `run` is its id, whatever its folder is
    called later, and `version` that of the Wattscan that began it; both are empty in a record from
    before they were written. `backend` is what takes the place of the target's, or empty.
    `variants` are those of each task, the reference first; a record from before they were written
    has none. `workload` are the settings of its load that have no field of their own. `endpoint`
    and `target_metrics` are the addresses of a service that runs elsewhere; `generator` are further
    options of the load generator, and `rates` what it has found for each task."""

    target: str
    profile: str
    scenario: str
    tasks: tuple[str, ...]
    models: str
    seed: int
    rate: float
    sysfs: str
    backend: str = ""
    parts: int = 1
    target_instance: str = ""
    generator_instance: str = ""
    run: str = ""
    version: str = ""
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: str = DEFAULT_REFERENCE
    workload: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    target_metrics: str = ""
    generator: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def load(self) -> Workload:
        """What shapes its load. Raises: WattscanError."""
        own: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in self.workload.items()
        }
        own |= {"scenario": self.scenario, "profile": self.profile, "rate": self.rate}
        own |= {"seed": self.seed, "reference": self.reference}
        if not self.workload.get("models"):
            own["tasks"] = self.tasks
        return changed(Workload(), **own)

    @property
    def load_seconds(self) -> float:
        """What a load phase lasts at least. Raises: WattscanError: its schedule cannot be read."""
        load = self.load
        return max(PROFILES[self.profile].load, load.min_seconds, last_due(load))

    @property
    def measured(self) -> Mapping[str, tuple[str, ...]]:
        """The variants of each task."""
        return {task: self.variants.get(task, _FORMER_VARIANTS) for task in self.tasks}


def write_record(folder: Path, record: Record) -> None:
    """Write it into the run's folder, whole or not at all. Raises: OSError."""
    fresh = folder / f"{RECORD_FILE}.new"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(record), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / RECORD_FILE)


def read_record(folder: Path) -> Record:
    """What the run in a folder was asked for.

    Raises:
        WattscanError: it is no run's folder, its record is damaged, or another version of Wattscan
            wrote what this one does not know.
    """
    if not folder.is_dir():
        raise WattscanError(f"there is no run in {folder}: give the folder of one, below runs/")
    path = folder / RECORD_FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WattscanError(
            f"{folder} has no {RECORD_FILE}, which says how its run was made: it cannot go on"
        ) from None
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise _damaged(path, "it is nested too deep") from None
    except ValueError as error:  # of JSON, of UTF-8, and of a number of thousands of digits
        raise _damaged(path, str(error)) from None
    if not isinstance(told, dict):
        raise _damaged(path, "it is not a JSON object")
    _check(path, told)
    variants = {task: tuple(names) for task, names in told.get("variants", {}).items()}
    lists = {"tasks": tuple(told["tasks"]), "generator": tuple(told.get("generator", ()))}
    record = Record(**{**told, **lists, "variants": variants})
    try:
        _ = record.load
    except (WattscanError, TypeError) as error:
        raise _damaged(path, f"its workload is wrong: {error}") from None
    return record


def _check(path: Path, told: Mapping[str, Any]) -> None:
    """Raises: WattscanError."""
    known = {
        field.name: field.default is MISSING and field.default_factory is MISSING
        for field in fields(Record)
    }
    unknown = sorted(told.keys() - known)
    if unknown:
        raise _of_another_version(path, told, f"the field {unknown[0]!r}")
    missing = [name for name, needed in known.items() if needed and name not in told]
    if missing:
        raise _damaged(path, f"it lacks {', '.join(missing)}")
    for name, value in told.items():
        is_right, wanted = RULES[name]
        if not is_right(value):
            raise _damaged(path, f"{name} must be {wanted}, and is {_shown(value)}")
    for name, choices in (("profile", PROFILES), ("scenario", SCENARIOS)):
        if told[name] not in choices:
            raise _of_another_version(path, told, f"the {name} {_shown(told[name])}")


def _damaged(path: Path, why: str) -> WattscanError:
    return WattscanError(
        f"{path} does not say how a run was made: {why}; restore it, or start a new run"
    )


def _of_another_version(path: Path, told: Mapping[str, Any], what: str) -> WattscanError:
    version = told.get("version")
    known = is_text(version) and version and version != __version__
    made_by = f"Wattscan {version}" if known else "another version of Wattscan"
    return WattscanError(
        f"the run of {path} was made by {made_by}: this one, {__version__}, does not know {what}; "
        "go on with the version that made it, or start a new run"
    )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
