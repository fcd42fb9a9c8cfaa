"""Checks of the load: its queries and images, its latency, and its generator."""

from __future__ import annotations

from wattscan.collector.evidence import Evidence, repeats
from wattscan.collector.names import percent
from wattscan.early_stopping import keeps, queries_needed

IMAGES_TOLERANCE = 0.001
"""The image counter may be ahead of the query counter by one scrape."""
MOST_GENERATOR_CPU = 0.9
"""Of one core."""
MOST_LOST = 0.001
_INCIDENTS = {
    "server_lost": "the service could not be reached",
    "worker_lost": "a process that sent queries is gone, and what it counted with it",
    "not_answered": "queries were still open a minute after the load",
}


def images_not_counted(evidence: Evidence) -> str | None:
    """No image was answered during a load."""
    bare = [w for w in evidence.windows if w.duration is not None and not w.images]
    return f"No image was answered in {repeats(bare)}." if bare else None


def images_exceed_queries(evidence: Evidence) -> str | None:
    """More images were counted than the answered queries can contain: 8 each in MultiStream,
    otherwise the workload's batch.
    """
    each = evidence.run.workload.images_per_query(evidence.run.scenario)
    over = [
        w
        for w in evidence.windows
        if w.images and w.queries and w.images > w.queries.ok * each * (1 + IMAGES_TOLERANCE)
    ]
    if not over:
        return None
    return (
        f"More images were counted in {repeats(over)} than the answered queries can have brought, "
        f"{each:.0f} each."
    )


def images_below_queries(evidence: Evidence) -> str | None:
    """Fewer images were counted than queries were answered."""
    below = [
        w
        for w in evidence.windows
        if w.images is not None and w.queries and w.images < w.queries.ok * (1 - IMAGES_TOLERANCE)
    ]
    if not below:
        return None
    return f"Fewer images were counted in {repeats(below)} than queries were answered."


def counts_unsettled(evidence: Evidence) -> str | None:
    """A count of the load generator fell, or still rose after its load."""
    odd = [w for w in evidence.windows if w.unsettled]
    if not odd:
        return None
    how = " or ".join(sorted({w.unsettled for w in odd}))
    return f"The generator's count of queries or images {how} in {repeats(odd)}."


def other_client(evidence: Evidence) -> str | None:
    """The server served more requests than the generator sent (those of other models included), or
    fewer. The counters are sampled, so only a difference that the timing of the samples cannot
    explain counts; a sample may be of any moment of its scrape. A counter that is new on a page
    was 0 on the page before. If several queries are in flight, samples within half a second of a
    start or an end are left out.
    """
    more = [w for w in evidence.windows if w.served.foreign]
    less = [w for w in evidence.windows if w.served.missing]
    if more:
        most = max(w.served.foreign for w in more)
        return (
            f"Another client was on the server in {repeats(more)}: it served at least {most:.0f} "
            "requests more than the generator sent, and their energy is in the figure."
        )
    if less:
        most = max(w.served.missing for w in less)
        return (
            f"The server served {most:.0f} requests fewer than the generator sent in "
            f"{repeats(less)}: the two may not be of the same service."
        )
    return None


def errors_or_drops(evidence: Evidence) -> str | None:
    """Too many queries failed or were dropped."""
    lost = [w for w in evidence.windows if w.queries and w.queries.lost_ratio > MOST_LOST]
    if not lost:
        return None
    most = max(w.queries.lost_ratio for w in lost if w.queries)
    return (
        f"{most:.2%} of the queries failed or were dropped in {repeats(lost)}; "
        f"{percent(MOST_LOST)} is allowed."
    )


def load_interrupted(evidence: Evidence) -> str | None:
    """The service could not be reached, a process that sent queries died, or queries were never
    answered.
    """
    struck = [w for w in evidence.windows if any(w.incidents.values())]
    if not struck:
        return None
    kinds = {kind for w in struck for kind, count in w.incidents.items() if count}
    told = "; ".join(_INCIDENTS.get(kind, kind) for kind in sorted(kinds))
    return f"The load was interrupted in {repeats(struck)}: {told}."


def generator_cpu_above_90_percent(evidence: Evidence) -> str | None:
    """The load generator itself was short of processor time."""
    told = [w.generator_cpu_ratio or 0.0 for w in evidence.windows]
    if max(told, default=0.0) <= MOST_GENERATOR_CPU:
        return None
    return f"The load generator used {max(told):.0%} of a core, so it may have been the limit."


def min_queries_not_reached(evidence: Evidence) -> str | None:
    """A load had fewer queries than the workload asks for."""
    least = evidence.run.workload.min_queries
    few = [w for w in evidence.windows if w.queries and w.queries.total < least]
    if not few:
        return None
    return f"The load of {repeats(few)} had fewer queries than the workload's {least}."


def latency_bound_missed(evidence: Evidence) -> str | None:
    """The latency percentile exceeds the workload's bound."""
    bound = evidence.run.workload.latency_bound
    if bound is None:
        return None
    kept, over, queries = _bound_kept(evidence)
    if kept is not False:
        return None
    return (
        f"{over:.0f} of {queries:.0f} queries took longer than the latency bound of {bound:g} s, "
        f"or got no answer: p{evidence.run.workload.latency_percentile:g} does not keep it."
    )


def latency_bound_not_shown(evidence: Evidence) -> str | None:
    """Too few queries to tell whether the latency percentile keeps the workload's bound."""
    workload = evidence.run.workload
    if workload.latency_bound is None:
        return None
    kept, over, queries = _bound_kept(evidence)
    if kept is not None:
        return None
    needed = queries_needed(int(over), workload.latency_percentile)
    return (
        f"{queries:.0f} queries, {over:.0f} of them beyond the latency bound of "
        f"{workload.latency_bound:g} s, do not show that p{workload.latency_percentile:g} keeps "
        f"it: MLPerf's rule asks for {needed}."
    )


def _bound_kept(evidence: Evidence) -> tuple[bool | None, float, float]:
    """Whether the latency percentile keeps its bound, the queries beyond it, and all queries."""
    workload, latency = evidence.run.workload, evidence.cell.latency
    bound = workload.latency_bound
    counted = [w.queries for w in evidence.windows if w.queries]
    lost = sum(q.error + q.dropped for q in counted)
    over = latency.beyond(bound) if latency and bound else None
    if over is None or latency is None:
        return None, lost, lost
    queries = latency.total + lost
    kept = keeps(int(queries), int(over + lost), workload.latency_percentile)
    return kept, over + lost, queries
