"""A series as OpenMetrics text has it."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=10_000)
def series_text(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{inner}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
