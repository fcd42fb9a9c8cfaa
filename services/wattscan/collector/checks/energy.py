"""Checks of the energy: its sensor, how much of it was recorded, and the device it belongs to."""

from __future__ import annotations

import numpy as np

from wattscan.collector.cells import Kind, bound_ratio
from wattscan.collector.devices_alike import not_covered
from wattscan.collector.evidence import Evidence, repeats
from wattscan.collector.names import percent
from wattscan.profiles import LEAST_COVERAGE, PROFILES

MOST_WATTS, MOST_SYSTEM_WATTS = 2_000.0, 20_000.0
"""More than any chip or board takes; an inlet may feed a rack."""
MOST_IMAGES_PER_SECOND = 1e6
LEAST_NET = 0.01
"""Of the gross energy: a smaller net energy cannot be told from that of an idle device."""
MOST_IDLE_SPREAD = 0.2
"""Of the mean load power above idle: idle phases of one task differ by less."""
MOST_VARIATION, REPEATS_TO_JUDGE_VARIATION = 0.03, 4


def modelled_power(evidence: Evidence) -> str | None:
    """The power is computed from processor time, not measured."""
    if evidence.method != "modelled":
        return None
    return "The power is computed from CPU time, not measured."


def energy_not_measured(evidence: Evidence) -> str | None:
    """The energy of a load was not measured."""
    bare = [w for w in evidence.windows if w.duration is not None and w.gross is None]
    return f"The energy was not measured in {repeats(bare)}." if bare else None


def figures_not_plausible(evidence: Evidence) -> str | None:
    """A power, a throughput or a count is negative or higher than any device can reach."""
    system = evidence.table is not None and evidence.table.scope == "system"
    most = MOST_SYSTEM_WATTS if system else MOST_WATTS
    odd = [
        w
        for w in evidence.windows
        if not 0 < (1.0 if w.gross is None else w.gross) < np.inf
        or not ((w.images or 0.0) == 0 or 1 <= (w.images or 0.0) < np.inf)
        or (w.power or 0.0) > most
        or (w.images_per_second or 0.0) > MOST_IMAGES_PER_SECOND
    ]
    if not odd:
        return None
    return (
        f"Energy or images are no plausible number in {repeats(odd)}: more than any device takes "
        "or does, or less than nothing. Is a unit wrong?"
    )


def coverage_below_98_percent(evidence: Evidence) -> str | None:
    """The sensor covers too little of an idle phase or a load."""
    known = [w for w in evidence.windows if w.gross is not None]
    low = [w for w in known if w.coverage_ratio is None or w.coverage_ratio < LEAST_COVERAGE]
    if not low:
        return None
    told = [w.coverage_ratio for w in low if w.coverage_ratio is not None]
    if not told:
        return f"The sensor did not tell how much of the time it covered in {repeats(low)}."
    return f"The sensor covered only {min(told):.1%} of idle or load in {repeats(low)}."


def coverage_above_100_percent(evidence: Evidence) -> str | None:
    """The counter covers more than the whole of a phase or of the run, by more than one interval
    between its samples.
    """
    over = [w for w in evidence.windows if w.counted_twice]
    if not over and evidence.record.covers_too_much:
        return "The sensor says that it covered more than the whole time of the run."
    if not over:
        return None
    return f"The sensor says that it covered more than the whole time in {repeats(over)}."


def sensor_down_at_edge(evidence: Evidence) -> str | None:
    """The sensor could not be read, or was not recorded, at the start or end of an idle phase or a
    load.
    """
    down = [w for w in evidence.windows if w.down_at_edge]
    if not down:
        return None
    return f"The sensor was down or not recorded at an edge of idle or load in {repeats(down)}."


def sensor_changed(evidence: Evidence) -> str | None:
    """The tables' energy source changed during the run."""
    sources = evidence.record.sources
    if len(sources) < 2:
        return None
    return f"The table's energy came from {', then from '.join(sources)}."


def energy_series_differ(evidence: Evidence) -> str | None:
    """One domain has energy series under several scopes or methods (the one that
    `wattscan_energy_source_info` names is read), or several that differ only in labels that the
    scraper added and have different values. Series with the same values count as one, and series
    that follow one another are joined.
    """
    table = evidence.table
    if evidence.record.conflicts:
        return (
            "Series that are equal but for labels of whoever scraped or stored them tell different "
            f"things: {'; '.join(evidence.record.conflicts)}."
        )
    if table is None or not table.also_told:
        return None
    return (
        f"The domain {table.domain} of {table.sensor} has several energy series: "
        f"{table.scope} {table.method}, which was read, and {', '.join(table.also_told)}."
    )


def gauge_disagrees(evidence: Evidence) -> str | None:
    """The power gauge differs from the energy counter over a load, by more than the scatter of the
    gauge's samples, and by more than half an update period of the counter explains.
    """
    apart = [w for w in evidence.windows if w.gauge_ratio is not None]
    if not apart:
        return None
    ratios = [w.gauge_ratio for w in apart if w.gauge_ratio is not None]
    # A power of 0 is further off than any other.
    ratio = max(ratios, key=lambda r: abs(np.log(r)) if r > 0 else np.inf)
    return (
        f"The sensor's power shows {ratio:.0%} of what its energy counter gives in "
        f"{repeats(apart)}: one of them is wrong."
    )


def counter_reset(evidence: Evidence) -> str | None:
    """The energy counter was reset, even if the exporter bridged the reset."""
    reset = [w for w in evidence.windows if w.resets]
    return f"The energy counter was reset in {repeats(reset)}." if reset else None


def device_not_covered(evidence: Evidence) -> str | None:
    """The model ran on a graphics card, but the domain is a processor's, or the other way round."""
    table, models = evidence.table, evidence.cell.models
    outside = not_covered(table, models) if table and models else ""
    if not table or not outside:
        return None
    return (
        f"The model ran on the {outside}, whose energy the tables' domain, {table.domain} of "
        f"{table.sensor}, does not hold."
    )


def device_in_parts(evidence: Evidence) -> str | None:
    """The same sensor counts another package too, and the tables do not include it."""
    table = evidence.table
    if table is None or not table.missing_parts:
        return None
    return (
        f"The tables read {table.domain} of {table.sensor} alone: "
        f"{', '.join(table.missing_parts)} counted beside it and is not in the figure."
    )


def idle_not_idle(evidence: Evidence) -> str | None:
    """Requests in an idle phase, a net energy close to zero compared with gross, or an idle power
    that is too far from the task's median, relative to what the variant's load adds.
    """
    served = [w for w in evidence.windows if w.served.while_idle]
    if served:
        return f"Requests were served in the idle phase of {repeats(served)}."
    busy = [
        w for w in evidence.windows if w.net is not None and w.gross and w.net < LEAST_NET * w.gross
    ]
    if busy:
        return (
            f"The idle phase of {repeats(busy)} took as much power as the load: the device was not "
            "idle, or its meter does not see the load."
        )
    return _idle_spread(evidence)


def _idle_spread(evidence: Evidence) -> str | None:
    powers = np.array(evidence.idle_powers)
    load = evidence.cell.mean(lambda window: window.power)
    mine = np.array(evidence.cell.values(lambda window: window.idle_power))
    if powers.size < 3 or not mine.size or load is None:
        return None
    middle = float(np.median(powers))
    step = load - middle
    worst = float(mine[np.argmax(np.abs(mine - middle))])
    if step <= 0 or abs(worst - middle) <= MOST_IDLE_SPREAD * step:
        return None
    return (
        f"The idle phases of the task differ: {worst:.3g} W in one, {middle:.3g} W in the middle. "
        "The device was not idle in all of them."
    )


def repeats_vary(evidence: Evidence) -> str | None:
    """Joules per image vary too much among the repeats (coefficient of variation)."""
    values = [j for j in (w.joules_per_image for w in evidence.windows) if j is not None]
    if len(values) < REPEATS_TO_JUDGE_VARIATION:
        return None
    mean = float(np.mean(values))
    variation = float(np.std(values, ddof=1)) / mean if mean > 0 else 0.0
    if variation <= MOST_VARIATION:
        return None
    return (
        f"The repeats vary by {variation:.1%} (coefficient of variation); "
        f"{percent(MOST_VARIATION)} is the most."
    )


def error_bound_too_large(evidence: Evidence) -> str | None:
    """The error bound is too large a part of the gross energy."""
    return _bound_above(evidence, "gross", "energy")


def net_not_resolved(evidence: Evidence) -> str | None:
    """The error bound is too large a part of the net energy; this affects net energy only."""
    return _bound_above(evidence, "net", "net energy")


def _bound_above(evidence: Evidence, kind: Kind, what: str) -> str | None:
    limit = (evidence.profile or PROFILES["standard"]).most_bound
    # What is not covered has a reason of its own.
    covered = [w for w in evidence.windows if (w.coverage_ratio or 0.0) >= LEAST_COVERAGE]
    ratios = [(bound_ratio(window, kind) or 0.0, window) for window in covered]
    wide = [window for ratio, window in ratios if ratio > limit]
    if not wide or evidence.run.profile == "quick":
        return None
    largest = max(ratio for ratio, _ in ratios)
    size = f"up to {largest:.1%}" if largest < 1 else "all"
    return (
        f"The record does not resolve {size} of the {what} in {repeats(wide)}: the readings lie "
        "too far apart at the edges of its phases, or the clocks are too uncertain. "
        f"{limit:.0%} is the most."
    )
