"""Which versions are served, and to whom they are lent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

from wattscan.serving.errors import NotServed
from wattscan.serving.repository.folder import Stamp
from wattscan.serving.repository.loaded import LoadedModel

log = logging.getLogger(__name__)


class _Lease:
    """A loaded version, how many requests use it, and whether it is to be closed after them.

    As a context it is held by one request, which `ServedModels.lease` has counted.
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


class ServedModels:
    """The versions that are open and warm. Thread-safe.

    A version is retired when its successor is published: whoever holds a lease of the old one
    finishes on it, and it is closed when the last has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retired: list[_Lease] = []
        self._served: dict[str, dict[int, _Lease]] = {}

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

    def _is_served(self, name: str, version: int, stamp: Stamp) -> bool:
        """Whether that version is, as its files are."""
        lease = self._served.get(name, {}).get(version)
        return lease is not None and lease.stamp == stamp

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
