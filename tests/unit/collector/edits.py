"""Edits of a made-up run: they plant faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Sample(NamedTuple):
    """One line of a recording: `at` in Unix seconds."""

    at: float
    name: str
    labels: Mapping[str, str]
    value: float


Edit = Callable[[Sample], Sample | None]


def without(name: str, start: float = 0.0, end: float = float("inf"), **labels: str) -> Edit:
    """Leave a family's samples from `start` to `end` out."""
    return changed(name, lambda sample: None, start, end, **labels)


def valued(
    name: str, value: float, start: float = 0.0, end: float = float("inf"), **labels: str
) -> Edit:
    """Give a family's samples from `start` to `end` a value."""
    return changed(name, lambda sample: sample._replace(value=value), start, end, **labels)


def changed(
    name: str,
    change: Callable[[Sample], Sample | None],
    start: float = 0.0,
    end: float = float("inf"),
    **labels: str,
) -> Edit:
    """Change a family's samples from `start` to `end`."""

    def edit(sample: Sample) -> Sample | None:
        hit = sample.name == name and start <= sample.at <= end
        hit = hit and all(sample.labels.get(key) == text for key, text in labels.items())
        return change(sample) if hit else sample

    return edit
