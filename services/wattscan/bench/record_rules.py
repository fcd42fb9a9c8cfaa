"""What each entry of a run's record may be."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import fields

from wattscan.workloads import Workload

_SETTINGS = {each.name for each in fields(Workload)}
# Of a plain model whose name tells no variant.
_NO_NAME = ""


def is_text(value: object) -> bool:
    """Whether it can be an argument of a process and part of a path."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _is_name(value: object) -> bool:
    return is_text(value) and value != ""


def _is_instance(value: object) -> bool:
    """`host:port`, or empty: it is written into the recording as it stands."""
    return isinstance(value, str) and value.isascii() and not set(value) & set('"\\ \n\r\t\0')


def _are_tasks(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(map(_is_name, value))
        and len(set(value)) == len(value)
    )


def _are_variants(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_name(k) and (_are_tasks(v) or v == [_NO_NAME]) for k, v in value.items()
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def _is_workload(value: object) -> bool:
    return isinstance(value, dict) and value.keys() <= _SETTINGS


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_rate(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:
        return False


def _are_rates(value: object) -> bool:
    return isinstance(value, dict) and all(_is_name(k) and _is_rate(v) for k, v in value.items())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_NAME = (_is_name, "a text")
_INSTANCE = (_is_instance, "host:port")
RULES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "target": _NAME,
    "profile": _NAME,
    "scenario": _NAME,
    "tasks": (_are_tasks, "a list of different texts"),
    "models": _NAME,
    "seed": (_is_whole, "a whole number"),
    "rate": (_is_rate, "a number above 0"),
    "sysfs": _NAME,
    "backend": (is_text, "a text"),
    "parts": (_is_count, "a whole number from 1 on"),
    "target_instance": _INSTANCE,
    "generator_instance": _INSTANCE,
    "run": (is_text, "a text"),
    "version": (is_text, "a text"),
    "variants": (_are_variants, "a list of different texts for each task"),
    "reference": _NAME,
    "workload": (_is_workload, "settings of a workload"),
    "endpoint": (is_text, "a text"),
    "target_metrics": (is_text, "a text"),
    "generator": (_are_texts, "a list of texts"),
    "rates": (_are_rates, "a rate above 0 for each task"),
}
