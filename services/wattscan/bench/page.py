"""Reads the metrics page of a service on this machine."""

from __future__ import annotations

from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from wattscan.contracts import WattscanError
from wattscan.units import Seconds

_TIMEOUT = Seconds(5.0)
# The page is on this machine, whatever proxy the environment names.
_OPENER = build_opener(ProxyHandler({}))


def read_page(url: str) -> list[Sample]:
    """Every sample of the page. Raises: WattscanError, where it does not answer."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT) as answer:
            text = answer.read().decode()
        return [s for family in text_string_to_metric_families(text) for s in family.samples]
    except (OSError, HTTPException, ValueError) as error:
        raise WattscanError(f"the page {url} cannot be read: {error}") from None
