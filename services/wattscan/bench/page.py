"""Reads the metrics page of a service on this machine."""

from __future__ import annotations

from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from wattscan.addresses import http_opener
from wattscan.contracts import WattscanError
from wattscan.units import Seconds

_TIMEOUT = Seconds(5.0)


def read_page(url: str) -> list[Sample]:
    """Every sample of the page. Raises: WattscanError, where it does not answer."""
    try:
        with http_opener(url).open(url, timeout=_TIMEOUT) as answer:
            text = answer.read().decode()
        return [s for family in text_string_to_metric_families(text) for s in family.samples]
    except (OSError, HTTPException, ValueError) as error:
        raise WattscanError(f"the page {url} cannot be read: {error}") from None
