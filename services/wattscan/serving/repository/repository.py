"""Which versions are loaded, and how that changes without a lost request.

A version is published when it is open and warm, and retired when its successor is: whoever holds a
lease of the old one finishes on it, and it is closed when the last has. What cannot be loaded is
noted with its reason, and what was served before stays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
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
from wattscan.serving.repository.loaded import LoadedModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IndexEntry:
    """A line of the repository's index. `reason`: why it is not ready, or not in the engine that
    was asked for."""

    name: str
    version: int
    ready: bool
    reason: str = ""


class _Lease:
    """A loaded version, how many requests use it, and whether it is to be closed after them.

    As a context it is held by one request, which `Repository.lease` has counted.
    """

    def __init__(self, model: LoadedModel, stamp: Stamp, lock: threading.Lock) -> None:
        self.model = model
        self.stamp = stamp
        self.users = 0
        self.retired = False
        self._lock = lock

    def __enter__(self) -> LoadedModel:
        return self.model

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.users -= 1
            close = self.retired and self.users == 0
        if close:
            self.model.close()


class Repository:
    """The models of one folder, for one target. Thread-safe."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder = folder
        self._target = target
        self._lock = threading.Lock()
        # Held by whoever changes what is loaded, from its first look at the folder on.
        self._loading = threading.Lock()
        self._retired: list[_Lease] = []
        self._served: dict[str, dict[int, _Lease]] = {}
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

    def __iter__(self) -> Iterator[LoadedModel]:
        with self._lock:
            leases = [lease for versions in self._served.values() for lease in versions.values()]
        return iter([lease.model for lease in leases])

    def in_use(self) -> list[LoadedModel]:
        """What is served, and what is not any more but has requests to finish."""
        with self._lock:
            leaving = [lease.model for lease in self._retired if lease.users]
        return [*self, *leaving]

    def lease(self, name: str, version: int | None = None) -> AbstractContextManager[LoadedModel]:
        """Hold a version (the newest, if none is named): it is not closed meanwhile.

        Raises: NotServed.
        """
        with self._lock:
            lease = self._find(name, version)
            lease.users += 1
        return lease

    def get(self, name: str, version: int | None = None) -> LoadedModel:
        """A version, to ask what it is. Raises: NotServed."""
        with self._lock:
            return self._find(name, version).model

    def versions(self, name: str) -> list[int]:
        """The versions that are served, ascending. Raises: NotServed."""
        with self._lock:
            self._find(name, None)
            return sorted(self._served[name])

    def by_label(self, name: str, label: str) -> int:
        """The version that the model's TOML gives that label. Raises: NotServed."""
        labels = self.get(name).config.labels
        if label not in labels:
            known = ", ".join(sorted(labels)) or "none"
            raise NotServed(f"{name} has no version with that label; its labels are: {known}")
        return labels[label]

    def index(self) -> list[IndexEntry]:
        """What is served, and what is not and why."""
        with self._lock:
            ready = [
                IndexEntry(name, version, True, lease.model.engine_reason)
                for name, versions in self._served.items()
                for version, lease in versions.items()
            ]
            refused = [
                IndexEntry(n, v, False, why) for (n, v), (_, why) in list(self._refused.items())
            ]
            gone = [IndexEntry(n, 0, False, "unloaded") for n in list(self._unloaded)]
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

    def _find(self, name: str, version: int | None) -> _Lease:
        versions = self._served.get(name)
        if not versions:
            names = ", ".join(sorted(self._served)) or "none"
            raise NotServed(f"no such model is served here; there is: {names}")
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            numbers = ", ".join(map(str, sorted(versions)))
            raise NotServed(f"{name} is not served in that version; there is: {numbers}")
        return versions[version]

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
        current = self._served.get(model.name, {}).get(version.number)
        if current is not None and current.stamp == stamp:
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

    def _publish(self, model: LoadedModel, stamp: Stamp) -> None:
        with self._lock:
            versions = self._served.setdefault(model.name, {})
            replaced = versions.get(model.version)
            versions[model.version] = _Lease(model, stamp, self._lock)
        batch = model.batcher.settings.max_batch_size
        log.info(
            "%s version %d is served by %s%s",
            *(model.name, model.version, model.backend),
            f", in batches of up to {batch}" if batch > 1 else "",
        )
        if model.computed_in not in ("", model.datatype):
            log.warning(
                "%s version %d: %s computed in fp32, as %s does",
                *(model.name, model.version, model.datatype, model.provider),
            )
        if model.engine_reason:
            log.warning(
                "%s version %d runs in %s: %s",
                *(model.name, model.version, model.backend, model.engine_reason),
            )
        if replaced is not None:
            self._close_after_use(replaced)

    def _retire(self, name: str, keep: set[int]) -> None:
        with self._lock:
            versions = self._served.get(name, {})
            leaving = {number: versions.pop(number) for number in set(versions) - keep}
            if not versions:
                self._served.pop(name, None)
        for number, lease in leaving.items():
            log.info("%s version %d is no longer served", name, number)
            self._close_after_use(lease)

    def _close_after_use(self, lease: _Lease) -> None:
        with self._lock:
            lease.retired = True
            close = lease.users == 0
            self._retired = [each for each in (*self._retired, lease) if each.users]
        if close:
            lease.model.close()
