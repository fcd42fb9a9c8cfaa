"""Notices an engine that does not come back: then health must say so, and nobody wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from wattscan.serving.repository.repository import Repository

log = logging.getLogger(__name__)


class Watchdog:
    """Looks at every engine when `look` is called. `tell` learns whether the server is healthy."""

    def __init__(
        self, models: Repository, hang_seconds: float, tell: Callable[[bool], None]
    ) -> None:
        self._models = models
        self._hang_seconds = hang_seconds
        self._tell = tell
        self._healthy = True

    def look(self) -> None:
        """A batch that runs for longer than `hang_seconds` hangs; one that ends after all is
        served again."""
        healthy = True
        for model in self._models.in_use():
            seconds = model.batcher.hung_for()
            hanging = seconds > self._hang_seconds
            if hanging != model.batcher.hanging:
                model.batcher.set_hanging(hanging)
                if hanging:
                    log.error("%s has been computing for %.0f s: it hangs", model.name, seconds)
                else:
                    log.warning("%s answers again", model.name)
            healthy = healthy and not hanging
        if healthy != self._healthy:
            self._healthy = healthy
            self._tell(healthy)
