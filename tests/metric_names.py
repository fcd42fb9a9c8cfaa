"""The names of series in a query, and those that there are."""

import re

from wattscan.metrics import GROUPS

# What Prometheus adds itself.
OWN = {"up", "ALERTS", "scrape_duration_seconds"}
_SERIES = re.compile(r"\b(?:wattscan[_:][a-z0-9_:]+|up\b|ALERTS\b|scrape_duration_seconds)")


def named(query):
    """The names of series in a query."""
    return set(_SERIES.findall(re.sub(r'"[^"]*"', '""', query)))


def known():
    """What the contract has, and what Prometheus adds."""
    names = set(OWN)
    for group in GROUPS.values():
        for metric in group:
            names.add(metric.name)
            if metric.kind == "histogram":
                names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    return names
