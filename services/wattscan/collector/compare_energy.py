"""Whether the energies of two runs can be compared, and whether their sensor's error cancels."""

from __future__ import annotations

from wattscan.addresses import host_of
from wattscan.collector.cells import Cell, Kind
from wattscan.collector.compare_ratio import Estimate, bounds_of
from wattscan.collector.device import EnergySource
from wattscan.collector.devices_alike import covers_all, devices_of
from wattscan.collector.measured import Measured

# What a machine keeps when its software changes.
_SAME_MACHINE = ("processor", "cores", "virtualization")
# Two domains of this scope are both the whole machine, whatever they are called.
_WHOLE = "system"


def why_not_one_machine(a: Measured, b: Measured) -> str:
    """Why the two runs are not taken for runs of one machine with one sensor; "" where they are.

    Two machines of one kind look alike in this: the facts on record name no single machine.
    """
    machines = (*a.device.machines, *b.device.machines)
    if not (a.device.machines and b.device.machines):
        return "a run does not tell of its machine"
    for name in _SAME_MACHINE:
        told = {machine.get(name, "") for machine in machines}
        if len(told) > 1 or "" in told:
            return f"the machine's {name} differs or is not on record"
    if a.run.target != b.run.target:
        return f"the targets differ, {a.run.target} and {b.run.target}"
    hosts = {host_of(each.run.target_instance) for each in (a, b)}
    if len(hosts) > 1:
        return f"the hosts differ, {' and '.join(sorted(hosts))}"
    sensors = {_sensor(each.device.table) for each in (a, b)}
    return "" if len(sensors) == 1 else "the sensors differ"


def why_energy_differs_in_kind(
    a: Measured, b: Measured, of_a: Cell, of_b: Cell, names: tuple[str, str] = ("A", "B")
) -> str:
    """Why the energies of a cell are not to be compared, "" where they are. `names` are what the
    two runs are called."""
    first, second = names
    one, other = a.device.table, b.device.table
    if one is None or other is None:
        return "energy was not measured in both"
    if (one.method == "modelled") != (other.method == "modelled"):
        return f"the energy of {first} is {one.method}, that of {second} {other.method}"
    if one.scope != other.scope:
        return (
            f"{first} has the energy of {_named(one)}, {second} of {_named(other)}: scopes are not "
            "compared"
        )
    if one.domain != other.domain and one.scope != _WHOLE:
        return f"{first} has the energy of {_named(one)}, {second} of {_named(other)}"
    devices = devices_of(of_a.models), devices_of(of_b.models)
    if all(devices) and devices[0] != devices[1] and not covers_all(one):
        ran = [" and ".join(sorted(each)) for each in devices]
        return (
            f"it ran on the {ran[0]} in {first}, on the {ran[1]} in {second}, which {one.domain} "
            "does not cover"
        )
    return ""


def energy_estimate(cell: Cell, kind: Kind, cancels: bool) -> Estimate | None:
    """Joules of an image; None where there is none above zero."""
    figure = cell.joules(kind)
    repeats = cell.joules_of_windows(kind)
    if figure is None or min(repeats) <= 0:
        return None
    up, down = bounds_of(figure.bound, figure.mean)
    sensor = 0.0 if cancels else cell.sensor_uncertainty_ratio
    return Estimate(figure.mean, repeats, up, down, sensor)


def _sensor(source: EnergySource | None) -> tuple[str, ...]:
    names = ("sensor", "domain", "scope", "method")
    return tuple(getattr(source, name) for name in names) if source else ()


def _named(source: EnergySource) -> str:
    return f"{source.domain} (scope {source.scope})"
