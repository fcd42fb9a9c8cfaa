"""An interrupted fit goes on: after each epoch its whole state is on disk."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class FitProgress:
    """Where a fit is. Epochs count from 0; `epoch` is the next one."""

    epoch: int
    best: float
    best_epoch: int
    best_state: Mapping[str, Any]
    seconds: float

    def after(self, score: float, seconds: float, network: Any) -> FitProgress:
        """One epoch later, with its validation score and the seconds of the whole fit."""
        next_one = replace(self, epoch=self.epoch + 1, seconds=seconds)
        if score <= self.best:
            return next_one
        state = copy.deepcopy(network.state_dict())
        return replace(next_one, best=score, best_epoch=self.epoch, best_state=state)


class Resumable:
    """Keeps the state of a network, an optimiser, a schedule and a generator in one file."""

    def __init__(self, path: Path, network: Any, optimiser: Any, schedule: Any, order: Any) -> None:
        self._path = path
        self._network = network
        self._parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
        self._order = order
        self._fingerprint = ""

    def load(self, identity: list[Any]) -> FitProgress:
        """Where the fit of this identity was, everything put back; else its beginning.

        Args:
            identity: plain values; another fit's file is not used. The weights that the network
                starts with are part of it.
        """
        digest = hashlib.sha256(json.dumps(identity).encode())
        for name, values in self._network.state_dict().items():
            digest.update(name.encode())
            digest.update(values.detach().contiguous().numpy().tobytes())
        self._fingerprint = digest.hexdigest()
        start = FitProgress(0, -1.0, -1, copy.deepcopy(self._network.state_dict()), 0.0)
        saved = self._saved()
        if saved is None:
            return start
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
        self._order.set_state(saved["order"])
        progress = FitProgress(**saved["progress"])
        print(f"going on after epoch {progress.epoch}, where it was interrupted", file=sys.stderr)
        return progress

    def _saved(self) -> dict[str, Any] | None:
        if not self._path.is_file():
            return None
        try:
            # weights_only: tensors and plain values, no code.
            saved: dict[str, Any] = torch.load(self._path, weights_only=True)
            return saved if saved["fingerprint"] == self._fingerprint else None
        except Exception as error:  # a damaged file raises whatever its bytes lead to
            what = f"{self._path} is damaged ({type(error).__name__})"
            print(f"{what}: beginning anew", file=sys.stderr)
            return None

    def save(self, progress: FitProgress) -> None:
        """Write all of it, aside and renamed: a kill in between leaves the epoch before."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(f".{os.getpid()}.part")
        states = {name: one.state_dict() for name, one in self._parts.items()}
        fields = {name: getattr(progress, name) for name in FitProgress.__dataclass_fields__}
        torch.save(
            {
                "fingerprint": self._fingerprint,
                "order": self._order.get_state(),
                "progress": fields,
                **states,
            },
            part,
        )
        part.replace(self._path)
