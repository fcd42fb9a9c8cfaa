"""When a counter is believed."""

import pytest
from moving_rapl import zones
from proof_rig import CHOICE, CPU, count
from sampler_rig import COUNTER, METER, Rig

from wattscan.contracts import Method, PowerReading, SensorAbsent, SensorChoice, SensorFailed
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.proof import Proof, SensorEvidence, prove
from wattscan.units import Seconds, Watts


def power(watts, stamp=None, domain="inlet"):
    return PowerReading(domain, "system", Watts(watts), stamp)


def seen(proof, *readings, every=1.0):
    """Whether each is believed, one after the other."""
    return [
        bool(proof.believed(Seconds(n * every), [reading])) for n, reading in enumerate(readings)
    ]


@pytest.mark.parametrize(
    ("readings", "believed"),
    [
        pytest.param([count(0), count(0), count(0)], [0, 0, 0], id="a counter that stands still"),
        pytest.param([count(5), count(9), count(9)], [0, 1, 1], id="one that moves, and rests"),
        pytest.param([count(9), count(5), count(6)], [0, 0, 1], id="one that was reset"),
        pytest.param([count(0), count(9e6), count(9e6 + 9)], [0, 0, 1], id="one that jumped"),
        pytest.param([power(4), power(4), power(4)], [0, 0, 0], id="a power that stands still"),
        pytest.param([power(4), power(4.1), power(4.1)], [0, 1, 1], id="a power that moves"),
        pytest.param([power(4, 1), power(4, 2)], [0, 1], id="a steady power with a time"),
        pytest.param([power(0, 1), power(0, 2)], [0, 0], id="a live source of 0 W"),
        pytest.param([power(0), power(5)], [0, 1], id="a device that wakes up"),
        pytest.param([power(4), power(9e9)], [0, 0], id="more than any device takes"),
    ],
)
def test_what_has_moved_is_believed(readings, believed):
    assert seen(Proof(CHOICE), *readings) == list(map(bool, believed))


def test_a_domain_that_may_be_zero_is_believed_beside_one_that_moves():
    proof = Proof(SensorChoice("s", {}, may_be_zero=frozenset({"gpu"})))
    board, rail, other = power(4, domain="board"), power(0, domain="gpu"), power(0, domain="cpu")
    assert proof.believed(Seconds(0), [board, rail, other]) == []
    moved = power(5, domain="board")
    assert proof.believed(Seconds(1), [moved, rail, other]) == [moved, rail]


class Source:
    """A counter of that many watts, on a clock that moves at each reading."""

    name, uncertainty_ratio = "s", 0.05
    method: Method = "counter"

    def __init__(self, watts, monkeypatch, period=0.01, scope="chip"):
        self.update_period = Seconds(period)
        self._watts, self._scope = watts, scope
        self.now, self.reads = 0.0, 0
        monkeypatch.setattr("wattscan.telemetry.proof.time.monotonic", self.clock)

    def clock(self):
        self.now += 0.003
        return self.now

    def read_energy(self):
        self.reads += 1
        renewed = self.now // self.update_period * self.update_period
        return [count(watts * renewed, name, self._scope) for name, watts in self._watts.items()]


def test_a_counter_that_stands_still_is_absent_within_its_time(monkeypatch):
    source = Source({"psys": 0.0}, monkeypatch)
    with pytest.raises(SensorAbsent, match="its count stands still"):
        prove(source, CHOICE)
    assert source.now < 2


def test_one_that_moves_is_proven_with_what_it_has_counted(monkeypatch):
    evidence = prove(Source({"package-0": 30.0, "package-1": 50.0}, monkeypatch), CHOICE)
    assert evidence.proven == {"package-0", "package-1"}
    ratio = evidence.counted["package-1"] / evidence.counted["package-0"]
    assert ratio == pytest.approx(5 / 3)


def test_nothing_is_decided_at_the_start_of_one_that_is_slow(monkeypatch):
    source = Source({"inlet": 5.0}, monkeypatch, period=60.0, scope="system")
    assert prove(source, CHOICE) == SensorEvidence()
    assert source.reads == 0


def test_the_target_says_how_slow_a_source_is(monkeypatch):
    source = Source({"inlet": 5.0}, monkeypatch, period=60.0, scope="system")
    quick = SensorChoice("s", {}, update_period=Seconds(0.02))
    source.update_period = Seconds(0.02)
    assert prove(source, quick).proven == {"inlet"}


def test_one_that_cannot_be_read_yet_is_left_to_its_reader(monkeypatch):
    source = Source({"package-0": 5.0}, monkeypatch)

    def fail():
        raise SensorFailed("starting")

    monkeypatch.setattr(source, "read_energy", fail)
    assert prove(source, CHOICE) == SensorEvidence()


def test_until_it_moves_nothing_of_it_is_shown_and_the_next_source_is_read():
    rig = Rig()
    state = rig.sampler.states[0]
    state.proof = Proof(CHOICE)
    for _ in range(30):
        rig.tick(joules=0.0)
    page = rig.page()
    assert rig.value("wattscan_sensor_proving", sensor="rapl") == 1
    assert 'sensor="rapl"' not in page.replace('proving{sensor="rapl"', "")
    assert rig.value("wattscan_energy_source_info", **METER, use="table") == 1
    assert not state.errors["frozen"] and state.trouble.startswith("it is being proven")
    rig.tick()
    assert rig.value("wattscan_sensor_proving", sensor="rapl") == 0
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 1
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == 0, "it counts from now on"
    rig.tick()
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(1.0)


def test_counters_that_stand_still_are_absent_and_the_model_takes_over(tmp_path):
    zones(tmp_path, ["package-0", "psys"])
    found = discover(CPU, tmp_path)
    assert [each.sensor.name for each in found.sensors] == ["cpu_model"]
    assert "its count stands still" in found.absent["rapl"]
