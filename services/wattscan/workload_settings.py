"""What each setting of a workload may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wattscan.contracts import WattscanError, check_variant
from wattscan.profiles import PROFILES, SCENARIOS
from wattscan.settings import number, one_of, text, whole_number

PROTOCOLS = ("wattscan.v1", "oip", "oip-shm", "tfs")
"""The typed protocol; Open Inference with raw contents, and with shared memory; TensorFlow
Serving."""
_MOST_CLIENTS, _MOST_IN_FLIGHT, _MOST_BATCH = 1024, 100_000, 1024
MOST_SECONDS = 86_400.0
_Reader = Callable[[Mapping[str, Any], str], Any]


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data[key]
    known = isinstance(value, list) and all(isinstance(x, str) and x.strip() for x in value)
    if not known or len(set(value)) != len(value):
        raise WattscanError(f'{key} must be a list of different names, such as ["a", "b"]')
    return tuple(value)


def _variants(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = _names(data, key)
    for name in names:
        check_variant(name)
    return names


def _reference(data: Mapping[str, Any], key: str) -> str:
    name = text(data, key)
    check_variant(name)
    return name


def _choice(known: tuple[str, ...]) -> _Reader:
    return lambda data, key: one_of(data, key, known, known[0])


def _whole(most: int) -> _Reader:
    return lambda data, key: whole_number(data, key, 1, most)


def _whole_or_none(most: int) -> _Reader:
    def read(data: Mapping[str, Any], key: str) -> int:
        is_zero = type(data[key]) is int and data[key] == 0
        return 0 if is_zero else whole_number(data, key, 1, most)

    return read


def _seed(data: Mapping[str, Any], key: str) -> int:
    value = data[key]
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise WattscanError(f"{key} must be a whole number of up to 63 bits, not {value!r:.40}")
    return value


def _seconds(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if value > MOST_SECONDS:
        raise WattscanError(f"{key} must be {MOST_SECONDS:g} s at most, not {value:g}")
    return value


def _rate(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if not 1 / MOST_SECONDS <= value <= 1e6:
        raise WattscanError(
            f"{key} must be from one query a day to 1e6 queries a second, not {value:g}"
        )
    return value


def _percentile(data: Mapping[str, Any], key: str) -> float:
    value = number(data, key)
    if not 0 < value < 100:
        raise WattscanError(f"{key} must be between 0 and 100, such as 99, not {value:g}")
    return value


def _shape(data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    value = data[key]
    if not isinstance(value, list) or not value:
        raise WattscanError(f"{key} must be a list of relative rates, such as [1, 3, 2]")
    rates = tuple(number({key: each}, key) for each in value)
    if not all(each == 0 or 1e-6 <= each <= 1e6 for each in rates):
        raise WattscanError(f"{key} must have relative rates of 0, or from 1e-6 to 1e6")
    if not any(rates):
        raise WattscanError(f"{key} must have a rate above 0")
    return rates


def _flag(data: Mapping[str, Any], key: str) -> bool:
    if not isinstance(data[key], bool):
        raise WattscanError(f"{key} must be true or false")
    return bool(data[key])


READERS: Mapping[str, _Reader] = {
    "name": text,
    "title": text,
    "scenario": _choice(SCENARIOS),
    "tasks": _names,
    "models": _names,
    "variants": _variants,
    "reference": _reference,
    "protocol": _choice(PROTOCOLS),
    "clients": _whole(_MOST_CLIENTS),
    "rate": _rate,
    "in_flight": _whole_or_none(_MOST_IN_FLIGHT),
    "batch": _whole(_MOST_BATCH),
    "images": text,
    "seed": _seed,
    "latency_bound": _seconds,
    "latency_percentile": _percentile,
    "min_seconds": _seconds,
    "min_queries": _whole_or_none(2**63 - 1),
    "shape": _shape,
    "schedule": text,
    "find_rate": _flag,
    "profile": _choice(tuple(PROFILES)),
}
