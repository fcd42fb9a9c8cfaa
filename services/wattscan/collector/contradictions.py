"""Reasons where the record contradicts itself, or shows what the figure leaves out."""

from __future__ import annotations

import numpy as np

from wattscan.collector.devices_alike import not_covered
from wattscan.collector.evidence import Evidence, repeats, too_short
from wattscan.collector.names import listed, title_of

# A counter of images may lead that of queries by those of one scrape.
_IMAGES_TOLERANCE = 0.001
# Of the gross energy: less is no load that can be told from an idle device.
_LEAST_NET = 0.01
# Of the mean load power above idle: idle phases of one task differ by less.
_MOST_IDLE_SPREAD = 0.2


def other_client(evidence: Evidence) -> str | None:
    """The server served more than the generator sent, or less."""
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


def second_run(evidence: Evidence) -> str | None:
    """Another run on the target at the same time."""
    runs = evidence.record.rivals.runs
    return f"Another run was on this target at the same time: {', '.join(runs)}." if runs else None


def several_generators(evidence: Evidence) -> str | None:
    """Pages of one run from several generators: each tells of a part of it."""
    instances = evidence.record.rivals.generators
    if len(instances) < 2:
        return None
    told = ", ".join(instances)
    return f"Several load generators reported this run, each only a part of it: {told}."


def phases_overlap(evidence: Evidence) -> str | None:
    """Two phases of the run at the same time."""
    overlap = evidence.record.rivals.overlap
    return f"Two phases of the run overlap: {overlap}." if overlap else None


def images_exceed_queries(evidence: Evidence) -> str | None:
    """More images than the answered queries can have brought."""
    each = evidence.run.workload.images_per_query(evidence.run.scenario)
    over = [
        w
        for w in evidence.windows
        if w.images and w.queries and w.images > w.queries.ok * each * (1 + _IMAGES_TOLERANCE)
    ]
    if not over:
        return None
    return (
        f"More images were counted in {repeats(over)} than the answered queries can have brought, "
        f"{each:.0f} each."
    )


def images_below_queries(evidence: Evidence) -> str | None:
    """Fewer images than queries were answered."""
    below = [
        w
        for w in evidence.windows
        if w.images is not None and w.queries and w.images < w.queries.ok * (1 - _IMAGES_TOLERANCE)
    ]
    if not below:
        return None
    return f"Fewer images were counted in {repeats(below)} than queries were answered."


def counts_unsettled(evidence: Evidence) -> str | None:
    """A count of the generator's that fell, or went on after the load."""
    odd = [w for w in evidence.windows if w.unsettled]
    if not odd:
        return None
    how = " or ".join(sorted({w.unsettled for w in odd}))
    return f"The generator's count of queries or images {how} in {repeats(odd)}."


def phases_out_of_order(evidence: Evidence) -> str | None:
    """A window whose idle phase, say, came after its load."""
    window = evidence.record.rivals.out_of_order
    if not window:
        return None
    return (
        f"The phases of a window did not follow one another as idle, warm-up, load and cooldown: "
        f"{window}. Two runs may share one name."
    )


def machine_changed(evidence: Evidence) -> str | None:
    """Another processor in the middle of the run."""
    told = {(m.get("processor", ""), m.get("cores", "")) for m in evidence.record.machines}
    if len(told) < 2:
        return None
    return f"The run was made on several machines: {'; '.join(sorted(map(' x '.join, told)))}."


def device_not_covered(evidence: Evidence) -> str | None:
    """The table's energy is not that of the device that the model ran on."""
    table, models = evidence.table, evidence.cell.models
    outside = not_covered(table, models) if table and models else ""
    if not table or not outside:
        return None
    return (
        f"The model ran on the {outside}, whose energy the tables' domain, {table.domain} of "
        f"{table.sensor}, does not hold."
    )


def device_in_parts(evidence: Evidence) -> str | None:
    """The table reads one of several equal parts of the device."""
    table = evidence.table
    if table is None or not table.missing_parts:
        return None
    return (
        f"The tables read {table.domain} of {table.sensor} alone: "
        f"{', '.join(table.missing_parts)} counted beside it and is not in the figure."
    )


def warmup_too_short(evidence: Evidence) -> str | None:
    """A warm-up shorter than the profile's."""
    promised = evidence.profile.warmup if evidence.profile else 0.0
    return too_short(evidence.windows, "The warm-up", promised, lambda w: w.warmup_duration)


def idle_too_short(evidence: Evidence) -> str | None:
    """An idle phase shorter than the profile's."""
    promised = evidence.profile.idle if evidence.profile else 0.0
    return too_short(evidence.windows, "The idle phase", promised, lambda w: w.idle_duration)


def idle_not_idle(evidence: Evidence) -> str | None:
    """An idle phase in which the device worked."""
    served = [w for w in evidence.windows if w.served.while_idle]
    if served:
        return f"Requests were served in the idle phase of {repeats(served)}."
    busy = [
        w
        for w in evidence.windows
        if w.net is not None and w.gross and w.net < _LEAST_NET * w.gross
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
    if step <= 0 or abs(worst - middle) <= _MOST_IDLE_SPREAD * step:
        return None
    return (
        f"The idle phases of the task differ: {worst:.3g} W in one, {middle:.3g} W in the middle. "
        "The device was not idle in all of them."
    )


def gauge_disagrees(evidence: Evidence) -> str | None:
    """The power gauge against the energy counter of one domain."""
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


def energy_series_differ(evidence: Evidence) -> str | None:
    """Energy series of one domain under several scopes or methods, or of several devices."""
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


def sensor_changed(evidence: Evidence) -> str | None:
    """The table read another source later on."""
    sources = evidence.record.sources
    if len(sources) < 2:
        return None
    return f"The table's energy came from {', then from '.join(sources)}."


def coverage_above_100_percent(evidence: Evidence) -> str | None:
    """The counter accounts for more time than there was."""
    over = [w for w in evidence.windows if w.counted_twice]
    if not over and evidence.record.covers_too_much:
        return "The sensor says that it covered more than the whole time of the run."
    if not over:
        return None
    return f"The sensor says that it covered more than the whole time in {repeats(over)}."


def model_changed(evidence: Evidence) -> str | None:
    """The artifact or its engine is not the same in all repeats."""
    facts = evidence.cell.models
    if len(set(facts)) < 2:
        return None
    told = ", ".join(sorted({f"{f.sha256[:12]} in {f.runs_on}" for f in facts}))
    return f"The model or its engine changed among the repeats: {told}."


def variants_are_one_model(evidence: Evidence) -> str | None:
    """Several variants with one artifact."""
    mine = {fact.sha256 for fact in evidence.cell.models if fact.sha256}
    alike = [
        title_of(cell.precision)
        for cell in evidence.variants
        if mine & {fact.sha256 for fact in cell.models}
    ]
    if len(alike) < 2:
        return None
    return f"{listed(alike)} ran one and the same file: its SHA-256 is the same."
