"""What the target's series say of the models that ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wattscan.collector.series import Series
from wattscan.collector.windows import Run

_FACTS = (
    "sha256", "backend", "provider", "format", "engine_version", "threads", "max_batch_size",
    "computed_in", "datatype",
)  # fmt: skip


@dataclass(frozen=True)
class ModelFacts:
    """The artifact that a cell ran: hex digest, backend, provider and format; the engine's version,
    its threads, the images that it takes at once, what it computes in, and the data type of its
    weights. "" if not told."""

    sha256: str
    backend: str
    provider: str
    format: str
    engine_version: str = ""
    threads: str = ""
    max_batch_size: str = ""
    computed_in: str = ""
    datatype: str = ""

    @property
    def runs_on(self) -> str:
        """The engine, in words."""
        return " ".join(part for part in (self.backend, self.engine_version, self.provider) if part)


def models_that_ran(
    run: Run, infos: Sequence[Series]
) -> dict[tuple[str, str], tuple[ModelFacts, ...]]:
    """What each cell ran, from its first phase to its last: what was served before is no matter."""
    found = defaultdict(list)
    spans = defaultdict(list)
    for window in run.windows:
        spans[window.task, window.precision].append(window.span)
    for info in infos:
        names = variant_of(info)
        if any(info.between(*span).size for span in spans[names]):
            found[names].append(ModelFacts(*(info.labels.get(name, "") for name in _FACTS)))
    return {names: tuple(facts) for names, facts in found.items()}


def variant_of(info: Series) -> tuple[str, str]:
    """The variant that a model's labels tell."""
    return info.labels.get("task", ""), info.labels.get("precision", "")
