"""What a run found, and the arithmetic on it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from loadtest.serving.servers import BARE, IN_PROCESS
from loadtest.serving.window import TimedStretch


@dataclass(frozen=True, order=True)
class MeasuredServer:
    """A server through a protocol."""

    server: str
    protocol: str


CEILING = MeasuredServer(BARE, IN_PROCESS)


@dataclass(frozen=True)
class Sample:
    """A window, and where it belongs. Rounds count from 0."""

    model: str
    round: int
    entry: MeasuredServer
    window: TimedStretch


@dataclass
class Facts:
    """Of a server with one model. Bytes; seconds; fraction of one processor core."""

    processes: int
    ready_seconds: float
    idle_cores: float
    resident: list[int] = field(default_factory=list)


@dataclass
class Results:
    """Of a run."""

    clients: tuple[int, ...]
    entries: dict[str, tuple[MeasuredServer, ...]]
    """By model."""
    samples: list[Sample] = field(default_factory=list)
    facts: dict[tuple[str, str], Facts] = field(default_factory=dict)
    """By server and model."""
    absent: dict[tuple[str, MeasuredServer], str] = field(default_factory=dict)
    """By model and entry: why it was not run."""


@dataclass(frozen=True)
class MedianFigure:
    """A median over the rounds, with the least and the greatest of them."""

    median: float
    low: float
    high: float

    def below(self, other: MedianFigure) -> bool:
        """Whether every round of this one was below every round of the other."""
        return self.high < other.low

    def inverse(self) -> MedianFigure:
        """Of a ratio of all rounds, the other way round."""
        return MedianFigure(1 / self.median, 1 / self.high, 1 / self.low)


def figure(values: Iterable[float]) -> MedianFigure | None:
    """None of no values."""
    all_values = sorted(values)
    if not all_values:
        return None
    return MedianFigure(statistics.median(all_values), all_values[0], all_values[-1])


def windows(
    results: Results, model: str, entry: MeasuredServer, clients: int
) -> dict[int, TimedStretch]:
    """By round."""
    return {
        sample.round: sample.window
        for sample in results.samples
        if (sample.model, sample.entry, sample.window.clients) == (model, entry, clients)
    }


def efficiency(
    results: Results, model: str, entry: MeasuredServer, clients: int
) -> MedianFigure | None:
    """The bare session's processor time for an inference over the server's and client's.

    Of each round, then the median: what slowed a round slowed both. The bare session runs alone,
    one inference at a time.
    """
    bare = windows(results, model, CEILING, 1)
    found = windows(results, model, entry, clients)
    return figure(
        bare[number].cpu_per_inference / found[number].cpu_per_inference
        for number in found.keys() & bare.keys()
    )


def over_rounds(
    results: Results,
    *where: tuple[str, MeasuredServer, int],
    of: Callable[[TimedStretch], float | None],
) -> MedianFigure | None:
    """The figure of what `of` takes from each window; None where a window has none."""
    values = [of(w) for place in where for w in windows(results, *place).values()]
    known = [value for value in values if value is not None]
    return figure(known) if len(known) == len(values) else None


def ahead(results: Results, model: str, ours: str) -> list[tuple[MeasuredServer, int, str]]:
    """Where a peer beat our server through the same protocol in every round.

    Returns:
        (the peer's entry, clients, "CPU efficiency", "throughput" or "percentile 99") of each.
    """
    mine = {e.protocol: e for e in results.entries[model] if e.server == ours}
    found = []
    for entry in results.entries[model]:
        if entry.server.startswith(ours) or entry.protocol not in mine:
            continue
        for clients in results.clients:
            pair = (mine[entry.protocol], entry)
            for name, (lower, higher) in _compared(results, model, pair, clients).items():
                if lower is not None and higher is not None and lower.below(higher):
                    found.append((entry, clients, name))
    return found


def _compared(
    results: Results, model: str, pair: Sequence[MeasuredServer], clients: int
) -> dict[str, tuple[MedianFigure | None, MedianFigure | None]]:
    """Ours and theirs; of latency theirs and ours: where the first is below, they are ahead."""
    ratios = [efficiency(results, model, entry, clients) for entry in pair]
    rates, slowest = (
        [over_rounds(results, (model, entry, clients), of=of) for entry in pair]
        for of in (lambda w: w.throughput, lambda w: w.p99)
    )
    return {
        "CPU efficiency": (ratios[0], ratios[1]),
        "throughput": (rates[0], rates[1]),
        "percentile 99": (slowest[1], slowest[0]),
    }
