"""Waits for a target to cool down, by its own temperature series."""

from __future__ import annotations

import logging
import math
import time
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import OpenerDirector

import gevent
from prometheus_client.parser import text_string_to_metric_families

from wattscan.addresses import http_opener, http_proxy_told
from wattscan.client.connection import Tls
from wattscan.metrics import TEMPERATURE_CELSIUS

_WITHIN_CELSIUS = 2.0
_EVERY_SECONDS, _PAGE_SECONDS = 1.0, 5.0

log = logging.getLogger(__name__)


class Thermometer:
    """Knows the temperatures at the end of the first idle phase, the reference of all later ones.

    A temperature that is not known is not a cool one: without a reference, and while one of its
    zones or the page is absent, a cooldown goes on to its limit.
    """

    def __init__(self, metrics_url: str | None, tls: Tls | None = None) -> None:
        self._url = metrics_url
        self._tls = tls
        self._reference: dict[str, float] = {}
        self._told = False
        self.unwatched = 0
        """Cooldowns that lasted their longest for want of a temperature."""

    def wait_idle(self, seconds: float) -> None:
        """Let the idle phase pass; the first one that has a temperature sets the reference."""
        end = time.monotonic() + seconds
        if not self._reference:
            gevent.sleep(max(0.0, seconds - _EVERY_SECONDS))
            self._reference = self._read()
        gevent.sleep(max(0.0, end - time.monotonic()))

    def wait_cool(self, at_most: float) -> None:
        """Wait until every zone is within 2 degrees C of the reference, or the limit."""
        end = time.monotonic() + at_most
        cool: bool | None = None
        while time.monotonic() < end:
            gevent.sleep(min(_EVERY_SECONDS, max(0.0, end - time.monotonic())))
            cool = self._is_cool()
            if cool:
                return
        self.unwatched += cool is None

    def _is_cool(self) -> bool | None:
        """None: not known."""
        if not self._reference:
            return None
        now = self._read()
        if not now.keys() >= self._reference.keys():
            return None
        return all(now[zone] - then <= _WITHIN_CELSIUS for zone, then in self._reference.items())

    def _read(self) -> dict[str, float]:
        if self._url is None:
            return {}
        try:
            # The second limit is of a read alone: a page may come byte by byte.
            with (
                gevent.Timeout(_PAGE_SECONDS, TimeoutError("it takes too long")),
                self._opener(self._url).open(self._url, timeout=_PAGE_SECONDS) as page,
            ):
                text = page.read().decode()
            return {
                f"{sample.labels['sensor']}/{sample.labels['zone']}": sample.value
                for family in text_string_to_metric_families(text)
                if family.name == TEMPERATURE_CELSIUS.name
                for sample in family.samples
                if math.isfinite(sample.value)
            }
        # ValueError and its like: what the parser makes of a page that is none.
        except (URLError, OSError, HTTPException, ValueError, LookupError) as error:
            self._tell(error)
            return {}

    def _opener(self, url: str) -> OpenerDirector:
        return http_opener(url, *(() if self._tls is None else (self._tls.opener(),)))

    def _tell(self, error: Exception) -> None:
        if not self._told:
            log.warning(
                "the temperatures at %s cannot be read%s (%s: %s): each cooldown without them "
                "lasts its longest",
                *(self._url, http_proxy_told(self._url or ""), type(error).__name__, error),
            )
        self._told = True
