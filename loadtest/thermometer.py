"""Waits for a target to cool down, by its own temperature series."""

from __future__ import annotations

import time
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import urlopen

import gevent
from prometheus_client.parser import text_string_to_metric_families

from wattscan.metrics import TEMPERATURE_CELSIUS

_WITHIN_CELSIUS = 2.0
_EVERY_SECONDS = 1.0


class Thermometer:
    """Knows the temperatures at the end of the first idle phase, the reference of all later ones.

    Without a temperature, or without a page to read it from, a cooldown lasts its whole time.
    """

    def __init__(self, metrics_url: str | None) -> None:
        self._url = metrics_url
        self._reference: dict[str, float] | None = None

    def wait_idle(self, seconds: float) -> None:
        """Let the idle phase pass; the first one sets the reference."""
        end = time.monotonic() + seconds
        if self._reference is None:
            gevent.sleep(max(0.0, seconds - _EVERY_SECONDS))
            self._reference = self._read()
        gevent.sleep(max(0.0, end - time.monotonic()))

    def wait_cool(self, at_most: float) -> None:
        """Wait until every zone is within 2 degrees C of the reference, or the limit."""
        end = time.monotonic() + at_most
        while time.monotonic() < end:
            gevent.sleep(min(_EVERY_SECONDS, max(0.0, end - time.monotonic())))
            if self._is_cool():
                return

    def _is_cool(self) -> bool:
        now = self._read()
        return bool(now and self._reference) and all(
            now[zone] - reference <= _WITHIN_CELSIUS
            for zone, reference in (self._reference or {}).items()
            if zone in now
        )

    def _read(self) -> dict[str, float]:
        if self._url is None:
            return {}
        try:
            with urlopen(self._url, timeout=5) as page:  # noqa: S310
                text = page.read().decode()
        except (URLError, OSError, HTTPException, ValueError):
            return {}
        return {
            f"{sample.labels['sensor']}/{sample.labels['zone']}": sample.value
            for family in text_string_to_metric_families(text)
            if family.name == TEMPERATURE_CELSIUS.name
            for sample in family.samples
        }
