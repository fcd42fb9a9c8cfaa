"""What is served follows what the folder has, without a lost request.

What cannot be loaded is noted with its reason, and what was served before stays.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from wattscan.contracts import Target, WattscanError
from wattscan.serving.errors import NotServed, RequestRefused
from wattscan.serving.repository.config import ModelConfig, read_config
from wattscan.serving.repository.folder import (
    LAYOUT,
    ModelFolder,
    Stamp,
    VersionFolder,
    find_models,
    misplaced,
)
from wattscan.serving.repository.load import load
from wattscan.serving.repository.served import ServedModels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IndexEntry:
    """A line of the repository's index. `reason`: why it is not ready, or not in the engine that
    was asked for."""

    name: str
    version: int
    ready: bool
    reason: str = ""


class Repository(ServedModels):
    """The models of one folder, for one target. Thread-safe."""

    def __init__(self, folder: Path, target: Target) -> None:
        super().__init__()
        self._folder = folder
        self._target = target
        # Held by whoever changes what is loaded, from its first look at the folder on.
        self._loading = threading.Lock()
        self._refused: dict[tuple[str, int], tuple[Stamp, str]] = {}
        self._unloaded: set[str] = set()
        self._misplaced: set[Path] = set()
        self._trouble = ""

    def load_all(self) -> None:
        """Load what the folder has. At the start nothing may be broken. Raises: WattscanError."""
        with self._loading:
            for model in find_models(self._folder):
                self._update(model, strict=True)
            self._tell_ignored()

    def index(self) -> list[IndexEntry]:
        """What is served, and what is not and why."""
        ready = [IndexEntry(m.name, m.version, True, m.engine_reason) for m in self]
        refused = [IndexEntry(*key, False, why) for key, (_, why) in list(self._refused.items())]
        gone = [IndexEntry(name, 0, False, "unloaded") for name in list(self._unloaded)]
        return sorted([*ready, *refused, *gone], key=lambda entry: (entry.name, entry.version))

    def refresh(self) -> None:
        """Take in what has changed in the folder; what is broken is logged, and the old stays."""
        with self._loading:
            self._refresh()

    def _refresh(self) -> None:
        try:
            found = find_models(self._folder)
        except WattscanError as error:
            if str(error) != self._trouble:  # told once, not at every look
                log.error("the repository is left as it was: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        self._tell_ignored()
        for model in found:
            if model.name not in self._unloaded:
                self._update(model, strict=False)
        names = {model.name for model in found}
        for name in {model.name for model in self} - names:
            self._retire(name, set())
        # What is not there any more is not broken either.
        there = {(m.name, number) for m in found for number in (0, *m.versions)}
        self._refused = {key: why for key, why in self._refused.items() if key in there}

    def _tell_ignored(self) -> None:
        """A model file that lies where nobody looks is a mistake: tell it, once."""
        found = set(misplaced(self._folder))
        for path in sorted(found - self._misplaced):
            log.warning("%s is ignored: %s", path, LAYOUT)
        self._misplaced = found

    def load(self, name: str) -> None:
        """Load a model, or load it anew. Raises: NotServed, RequestRefused: with the reason."""
        with self._loading:
            self._load_again(name)

    def _load_again(self, name: str) -> None:
        try:
            found = {model.name: model for model in find_models(self._folder)}
        except WattscanError as error:
            raise RequestRefused(str(error)) from None
        if name not in found:
            raise NotServed("no such model is in the repository")
        self._unloaded.discard(name)
        # Asked for by a person: what failed before is tried again.
        self._refused = {key: why for key, why in list(self._refused.items()) if key[0] != name}
        self._update(found[name], strict=False)
        broken = [why for (model, _), (_, why) in list(self._refused.items()) if model == name]
        if broken:
            raise RequestRefused(f"{name} was not loaded: {broken[0]}")

    def unload(self, name: str) -> None:
        """Serve the model no more, until `load` asks for it. Raises: NotServed."""
        with self._loading:
            self.get(name)
            self._unloaded.add(name)
            self._retire(name, set())

    def close(self) -> None:
        """Free everything."""
        for name in {model.name for model in self}:
            self._retire(name, set())

    def _update(self, model: ModelFolder, strict: bool) -> None:
        """Bring one model to what its folder says; the caller holds `_loading`.

        Raises: WattscanError, if strict.
        """
        try:
            config = read_config(model.path, self._target.batching)
        except WattscanError as error:
            if strict:
                raise
            self._refuse(model.name, 0, model.stamp, str(error))
            return
        self._refused.pop((model.name, 0), None)
        wanted = config.policy.choose(list(model.versions))
        if not wanted:
            why = f"{model.name} has none of the versions that its policy names"
            if strict:
                raise WattscanError(why)
            self._refuse(model.name, 0, model.stamp, why)
            return
        loaded = [self._load(model, model.versions[number], config, strict) for number in wanted]
        # Until all that is wanted stands, what stood before goes on.
        if all(loaded):
            self._retire(model.name, set(wanted))

    def _load(
        self, model: ModelFolder, version: VersionFolder, config: ModelConfig, strict: bool
    ) -> bool:
        """Publish a version unless it is there already; returns whether it is served."""
        stamp = (*model.stamp, *version.stamp)
        key = (model.name, version.number)
        if self._is_served(*key, stamp):
            self._refused.pop(key, None)
            return True
        if key in self._refused and self._refused[key][0] == stamp:
            return False  # it has not changed since it was refused
        try:
            loaded = load(model, version, config, self._target)
        except WattscanError as error:
            if strict:
                raise
            self._refuse(*key, stamp, str(error))
            return False
        self._publish(loaded, stamp)
        self._refused.pop(key, None)
        return True

    def _refuse(self, name: str, version: int, stamp: Stamp, why: str) -> None:
        known = self._refused.get((name, version))
        # Clients may read the reason, and where the folder lies is not theirs to know.
        told = why.replace(f"{self._folder}/", "")
        self._refused[name, version] = (stamp, told)
        if known is None or known[0] != stamp:
            what = f"{name} version {version}" if version else name
            log.error("%s is refused: %s", what, why)
