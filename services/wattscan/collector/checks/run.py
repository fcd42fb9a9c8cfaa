"""Checks of the run: its profile and phases, machine and clocks, and what else ran there."""

from __future__ import annotations

from wattscan.collector.evidence import Evidence, repeats, too_short
from wattscan.collector.names import listed, percent, title_of
from wattscan.units import Celsius

MOST_START_DIFFERENCE = Celsius(2.0)
MOST_CLOCK_OFFSET = 0.001
"""Relative to the length of the shortest load."""


def profile_quick(evidence: Evidence) -> str | None:
    """The `quick` profile only shows that everything works."""
    if evidence.run.profile != "quick":
        return None
    return "The quick profile is there to see it work; it gives no interval."


def profile_check(evidence: Evidence) -> str | None:
    """The `check` profile has short windows."""
    if evidence.run.profile != "check":
        return None
    return "The check profile is there to compare two versions of the code; its windows are short."


def profile_unknown(evidence: Evidence) -> str | None:
    """The profile is not known."""
    if evidence.profile:
        return None
    return f"The profile {evidence.run.profile!r} is not known, so the load's length is not judged."


def generator_on_device(evidence: Evidence) -> str | None:
    """The load generator ran on the measured device. Every loopback or unspecified address counts
    as this machine; so does its own name where the other address is one of those.
    """
    if not evidence.same_host or evidence.method in (None, "modelled"):
        return None
    return "The load generator ran on the measured device, and the meter counts it too."


def incomplete_run(evidence: Evidence) -> str | None:
    """The recording ends before the run does, a load has no end, or there are fewer repeats than
    the profile requires.
    """
    said = []
    if evidence.cut_short:
        said.append("The recording ends before the run does.")
    unended = [w for w in evidence.windows if w.duration is None]
    if unended:
        said.append(f"The load of {repeats(unended)} has no end.")
    profile = evidence.profile
    if profile and len(evidence.windows) < profile.repeats:
        found = len(evidence.windows)
        said.append(f"The profile has {profile.repeats} repeats, the run only {found}.")
    return " ".join(said) or None


def load_too_short(evidence: Evidence) -> str | None:
    """A load is shorter than the profile requires."""
    promised = evidence.profile.load if evidence.profile else 0.0
    return too_short(evidence.windows, "The load", promised, lambda w: w.duration)


def idle_too_short(evidence: Evidence) -> str | None:
    """An idle phase is shorter than the profile requires."""
    promised = evidence.profile.idle if evidence.profile else 0.0
    return too_short(evidence.windows, "The idle phase", promised, lambda w: w.idle_duration)


def warmup_too_short(evidence: Evidence) -> str | None:
    """A warm-up is shorter than the profile requires."""
    promised = evidence.profile.warmup if evidence.profile else 0.0
    return too_short(evidence.windows, "The warm-up", promised, lambda w: w.warmup_duration)


def phases_overlap(evidence: Evidence) -> str | None:
    """Two phases of the run overlap."""
    overlap = evidence.record.rivals.overlap
    return f"Two phases of the run overlap: {overlap}." if overlap else None


def phases_out_of_order(evidence: Evidence) -> str | None:
    """A window's phases are not in the order idle, warm-up, load and cooldown."""
    window = evidence.record.rivals.out_of_order
    if not window:
        return None
    return (
        f"The phases of a window did not follow one another as idle, warm-up, load and cooldown: "
        f"{window}. Two runs may share one name."
    )


def second_run(evidence: Evidence) -> str | None:
    """Another run's phases overlap this one's, on the target's instance or on another service on
    its host (on the same card, if the domain is a graphics card's). A phase without an end lasts
    until its generator's last sample.
    """
    runs = evidence.record.rivals.runs
    return f"Another run was on this target at the same time: {', '.join(runs)}." if runs else None


def several_generators(evidence: Evidence) -> str | None:
    """Several load generators exported this run, each only a part of it."""
    instances = evidence.record.rivals.generators
    if len(instances) < 2:
        return None
    told = ", ".join(instances)
    return f"Several load generators reported this run, each only a part of it: {told}."


def machine_changed(evidence: Evidence) -> str | None:
    """The processor changed during the run."""
    told = {(m.get("processor", ""), m.get("cores", "")) for m in evidence.record.machines}
    if len(told) < 2:
        return None
    return f"The run was made on several machines: {'; '.join(sorted(map(' x '.join, told)))}."


def start_temperatures_apart(evidence: Evidence) -> str | None:
    """The variants' mean start temperatures differ too much."""
    apart = evidence.start_difference
    if apart is None or apart <= MOST_START_DIFFERENCE:
        return None
    names = listed([title_of(cell.precision) for cell in evidence.variants])
    most = f"{MOST_START_DIFFERENCE:g} °C is the most"
    return f"{names} started {apart:.1f} °C apart on average; {most}."


def throttled(evidence: Evidence) -> str | None:
    """The device throttled its clock during a load."""
    slowed = [w for w in evidence.windows if w.throttled]
    return f"The device limited its clock in {repeats(slowed)}." if slowed else None


def clocks_apart(evidence: Evidence) -> str | None:
    """The clocks drifted or jumped, or differ by an offset that was not recorded."""
    lengths = [w.duration for w in evidence.windows if w.duration]
    clocks = evidence.record.clocks
    if clocks is None or not lengths or clocks.apart <= MOST_CLOCK_OFFSET * min(lengths):
        return None
    how = "drifted or jumped" if clocks.offset_known else "are apart"
    return (
        f"The clocks of generator and recorder {how} by {clocks.apart:.3g} s or more; "
        f"{percent(MOST_CLOCK_OFFSET)} of the load is the most."
    )
