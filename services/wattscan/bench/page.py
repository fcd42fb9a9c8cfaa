"""Reads the metrics page of a service."""

from __future__ import annotations

from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from wattscan.addresses import fetch
from wattscan.client.connection import Tls
from wattscan.contracts import WattscanError
from wattscan.units import Seconds

_TIMEOUT = Seconds(5.0)


def read_page(url: str, tls: Tls | None = None) -> list[Sample]:
    """Every sample of the page. Raises: WattscanError, where it does not answer."""
    handlers = () if tls is None else (tls.opener(),)
    try:
        text = fetch(url, *handlers, seconds=_TIMEOUT)
        return [s for family in text_string_to_metric_families(text) for s in family.samples]
    except (OSError, HTTPException, ValueError, LookupError) as error:  # what the parser makes
        # of a page that is none, too
        raise WattscanError(f"the page {url} cannot be read: {error}") from None
