"""Samples as OpenMetrics text has them."""

from __future__ import annotations

from functools import lru_cache

from edits import Sample


def line_text(sample: Sample) -> str:
    """The sample's line."""
    return line_of(series_text(sample.name, tuple(sample.labels.items())), sample)


def line_of(series: str, sample: Sample) -> str:
    """The line of a sample whose name and labels are known as text."""
    return f"{series} {sample.value!r} {sample.at:.3f}"


@lru_cache(maxsize=10_000)
def series_text(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """A name and its labels."""
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{inner}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
