"""A sensor stands for its device while no part of it is missing, and says which part is."""

import pytest
from moving_rapl import moving
from sampler_rig import COUNTER, METER, Rig

from waiting import wait_until
from wattscan.contracts import EnergyReading, SensorAbsent, SensorChoice
from wattscan.rapl_domains import device_domains
from wattscan.targets import load_target
from wattscan.telemetry import discovery
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.cli import text
from wattscan.telemetry.compare import CountComparison
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.live import rows
from wattscan.telemetry.proof import Proof, prove
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Joules, Seconds

CPU = load_target("cpu")
CHOICE = SensorChoice("rapl", {})


def count(domain, joules):
    return EnergyReading(domain, "chip", Joules(joules))


# --- at the start, on files -----------------------------------------------------------------------


def still(zone):
    pass  # of 0 W


def unreadable(zone):
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()


def without_range(zone):
    (zone / "max_energy_range_uj").unlink()


@pytest.mark.parametrize(
    ("watts", "spoil", "why"),
    [
        (0.0, still, "package-1: its count stands still"),
        (60.0, unreadable, "energy_uj: Is a directory"),
        (60.0, without_range, "max_energy_range_uj: No such file"),
        (500_000.0, still, "package-1: it shows more power than any device takes"),
    ],
)
def test_a_machine_of_which_a_socket_is_not_proven_is_left_to_the_next_source(
    tmp_path, watts, spoil, why, monkeypatch, caplog
):
    looked = []
    look = discovery.look
    monkeypatch.setattr(
        discovery, "look", lambda choice, sysfs: looked.append(choice.name) or look(choice, sysfs)
    )
    with moving({"package-0": 50.0, "package-1": watts}, tmp_path):
        spoil(tmp_path / "class/powercap/intel-rapl:1")
        found = discover(CPU, tmp_path)
        sampler = Sampler(found.sensors, Seconds(0.05), Ledger())
        sampler.start()
        try:

            def settled():
                sampler.sample()
                table = rows(found, sampler)
                states = {row.state for row in table if why in row.why or row.state == "table"}
                return table if {"table", "incomplete"} <= states else None

            table = wait_until(settled, why=lambda: rows(found, sampler))
        finally:
            sampler.stop()
    assert "rapl_perf" in looked, "it may read what rapl cannot"
    assert [row.sensor for row in table if row.state == "table"] == ["cpu_model"]
    (row,) = [row for row in table if row.state == "incomplete"]
    assert row.sensor == "rapl" and why in row.why
    assert "rapl: incomplete: a part of its device is missing" in text(table)
    assert why in caplog.text
    assert next(row.covers for row in table if row.sensor == "rapl") == "package-0", "it is shown"


# --- later, on a clock that the test sets ---------------------------------------------------------


class Sockets:
    """Two sockets in place of the rig's counter, of which each tick adds so many joules."""

    def __init__(self, rig, **joules):
        self.rig, self.joules = rig, joules
        self.counts = dict.fromkeys(joules, 100.0)
        self.state = rig.sampler.states[0]
        rig.counter.device_domains = self.device_domains
        rig.counter.unreadable = {}
        rig.counter.read_energy = self.state._read = self.read

    def device_domains(self, moved):
        names = [name.replace("_", "-") for name in self.joules]
        return device_domains(moved, names)

    def read(self):
        return [
            count(name.replace("_", "-"), joules)
            for name, joules in self.counts.items()
            if name.replace("_", "-") not in self.rig.counter.unreadable
        ]

    def tick(self, times=1):
        for _ in range(times):
            for name, joules in self.joules.items():
                self.counts[name] += joules
            self.rig.tick()


BOTH = {**COUNTER, "domain": "package-0+package-1"}


def table(rig):
    found = [
        (sample.labels["sensor"], sample.labels["domain"])
        for family in rig.registry.collect()
        for sample in family.samples
        if sample.name == "wattscan_energy_source_info" and sample.labels["use"] == "table"
    ]
    return found[0] if found else None


@pytest.mark.parametrize("missing", ["still", "unreadable"])
def test_when_the_part_is_proven_the_sum_is_a_domain_of_its_own(missing, caplog):
    rig = Rig()
    rig.sampler.states.pop(1)  # no other source
    sockets = Sockets(rig, package_0=5.0, package_1=0.0 if missing == "still" else 6.0)
    sockets.state.proof = Proof(CHOICE)
    if missing == "unreadable":
        rig.counter.unreadable = {"package-1": "it may not be read"}
    with caplog.at_level("INFO"):
        sockets.tick(80)
        assert table(rig) is None
        assert sockets.state.up, "its other socket is shown"
        why = "it may not be read" if missing == "unreadable" else "its count stands still"
        assert f"package-1: {why}" in sockets.state.lacking
        assert caplog.text.count(why) == 1, "told once"
        rig.counter.unreadable, sockets.joules["package_1"] = {}, 6.0
        sockets.tick(30)
    assert table(rig) == ("rapl", "package-0+package-1")
    energy = rig.value("wattscan_energy_joules_total", **BOTH)
    covered = rig.value(
        "wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0+package-1"
    )
    assert energy / covered == pytest.approx(110.0)
    assert not sockets.state.lacking and "sensor rapl is whole" in caplog.text


def test_a_proven_part_that_falls_silent_is_told_too():
    rig = Rig()
    sockets = Sockets(rig, package_0=5.0, package_1=6.0)
    sockets.tick(80)
    assert table(rig) == ("rapl", "package-0+package-1")
    rig.counter.unreadable = {"package-1": "it may not be read"}
    sockets.tick(20)
    assert table(rig) == (METER["sensor"], METER["domain"])
    assert "package-1: it may not be read" in sockets.state.lacking


def test_a_rail_does_not_stand_for_a_board_that_is_not_proven():
    rig = Rig()
    state = rig.sampler.states[0]
    state.proof = Proof(CHOICE)
    rig.counter.read_energy = state._read = lambda: [
        count("board", 5.0),
        count("gpu", rig.counter.count),
    ]
    for _ in range(5):
        rig.tick()
    assert table(rig) == (METER["sensor"], METER["domain"])
    assert "board: its count stands still" in state.lacking


@pytest.mark.parametrize(("second", "sum_"), [(5.0, 50.0), (5.05, 100.5)])
def test_dies_that_are_proven_later_are_compared_first(second, sum_):
    """Mirrors count once, two dies twice, and meanwhile nothing stands for the machine."""
    rig = Rig()
    rig.sampler.states.pop(1)
    dies = Sockets(rig, package_0_die_0=5.0, package_0_die_1=second)
    dies.state.proof = Proof(CHOICE, update_period=Seconds(0.001))
    dies.tick(5)
    assert table(rig) is None and "is known to be all of its device" in dies.state.lacking
    dies.tick(30)
    domain = rig.sampler._source.domain
    assert domain.energy / domain.covered == pytest.approx(sum_)
    assert not dies.state.lacking


# --- one counter or two ---------------------------------------------------------------------------


def compared(power, other, late=(), seconds=1.0, begin=0.0):
    """What two counters count that are renewed every millisecond and read a moment apart."""
    comparison = CountComparison(Seconds(0.001))
    for index in range(int(seconds / 0.005)):
        now = index * 0.005 + 0.0003 * (index % 3)
        after = now + (0.004 if index in late else 0.00005)
        comparison.add(
            Seconds(now),
            [
                count("a", power * (now // 0.001) * 0.001),
                count("b", begin + other * (after // 0.001) * 0.001),
            ],
        )
    counted = comparison.counted()
    return counted["a"] == counted["b"] if counted else None


@pytest.mark.parametrize("begin", [0.0, 7e4])
def test_two_that_show_one_counter_are_one_whatever_delays_a_read(begin):
    assert compared(50.0, 50.0, begin=begin)
    assert compared(50.0, 50.0, late={0, 1, 2, 50, 51, 120, 199}, begin=begin)


@pytest.mark.parametrize("other", [50.5, 51.5, 49.5, 200.0])
def test_two_that_take_nearly_the_same_are_two(other):
    assert compared(50.0, other) is False
    assert compared(other, 50.0) is False


def test_nothing_is_said_before_it_is_known():
    assert compared(50.0, 50.0, seconds=0.5) is None
    assert compared(50.0, 60.0, seconds=0.5) is False


def test_a_counter_that_starts_anew_is_compared_anew():
    comparison = CountComparison(Seconds(0.001))
    for index in range(300):
        now = index * 0.005
        comparison.add(Seconds(now), [count("a", 50.0 * (now % 0.6)), count("b", 60.0 * now)])
    counted = comparison.counted()
    assert not counted or counted["b"] / counted["a"] == pytest.approx(1.2)


# --- what is wrong, in words ----------------------------------------------------------------------


class Source:
    name, method, uncertainty_ratio, update_period = "s", "counter", 0.05, Seconds(0.001)

    def __init__(self, read):
        self.read_energy = read


def test_two_figures_of_one_name_are_told_as_what_they_are():
    with pytest.raises(SensorAbsent, match="2 figures of one name, package-0"):
        prove(Source(lambda: [count("package-0", 1.0), count("package-0", 2.0)]), CHOICE)


def test_a_counter_that_counts_too_much_is_not_said_to_stand_still():
    counts = iter(range(0, 10**12, 10**6))
    with pytest.raises(SensorAbsent, match="package-0: it shows more power than any device takes"):
        prove(Source(lambda: [count("package-0", float(next(counts)))]), CHOICE)
