"""Which domains are the whole machine."""

import pytest
from moving_rapl import moving
from proof_rig import CHOICE, CPU, count
from sampler_rig import COUNTER, Rig

from wattscan.rapl_domains import device_domains
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.live import rows
from wattscan.telemetry.proof import Proof
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds


@pytest.mark.parametrize(
    ("counted", "device"),
    [
        pytest.param({"package-0": 3}, ["package-0"], id="one socket"),
        pytest.param({"package-0": 3, "package-1": 5}, ["package-0", "package-1"], id="two"),
        pytest.param({"package-0": 3, "package-1": 3}, ["package-0", "package-1"], id="two alike"),
        pytest.param(
            {"package-0": 3, "dram-0": 1, "core-0": 2, "uncore-0": 1}, ["package-0"], id="its parts"
        ),
        pytest.param({"package-0": 3, "psys": 9}, ["psys"], id="a platform stands for all"),
        pytest.param({"package-0": 3, "package-1": 5, "psys": 9}, ["psys"], id="of two sockets"),
        pytest.param({"package-0": 3, "psys": 1}, ["package-0"], id="one that is not calibrated"),
        pytest.param({"psys": 9}, ["psys"], id="a platform alone"),
        pytest.param(
            {"package-0-die-0": 3.0, "package-0-die-1": 3.0}, ["package-0-die-0"], id="a mirror"
        ),
        pytest.param(
            {"package-0-die-0": 3.0, "package-0-die-1": 3.01},
            ["package-0-die-0", "package-0-die-1"],
            id="two dies that take nearly the same",
        ),
        pytest.param(
            {"package-0-die-0": 3.0, "package-0-die-1": 0.0}, [], id="dies that are not compared"
        ),
        pytest.param(
            {"package-0-die-0": 3.0, "package-0-die-1": 4.0},
            ["package-0-die-0", "package-0-die-1"],
            id="two dies",
        ),
        pytest.param(
            {
                "package-0-die-0": 3.0,
                "package-0-die-1": 3.0,
                "package-1-die-0": 3.0,
                "package-1-die-1": 3.0,
            },
            ["package-0-die-0", "package-1-die-0"],
            id="mirrors in two sockets",
        ),
        pytest.param({"dram-0": 1}, [], id="memory is no machine"),
    ],
)
def test_what_is_the_machine(counted, device):
    assert list(device_domains(counted)) == device


@pytest.mark.parametrize(
    ("watts", "table", "total"),
    [
        ({"package-0": 30.0, "package-1": 50.0}, "package-0+package-1", 80.0),
        ({"package-0": 30.0, "package-0/core": 20.0, "package-0/dram": 5.0}, "package-0", 30.0),
        ({"package-0": 30.0, "psys": 55.0}, "psys", 55.0),
        ({"package-0-die-0": 68.0, "package-0-die-1": 68.0}, "package-0-die-0", 68.0),
    ],
)
def test_a_whole_machine_is_one_domain(tmp_path, watts, table, total):
    with moving(watts, tmp_path, begin=262_143_000_000):  # one that wraps soon, too
        found = discover(CPU, tmp_path)
        sampler = Sampler(found.sensors, Seconds(0.05), Ledger())
        sampler.start()
        try:
            for _ in range(200):
                sampler.tick()
                rows_ = [row for row in rows(found, sampler) if row.state == "table"]
                if rows_ and rows_[0].energy and rows_[0].energy > 2 * total:
                    break
                sampler._stopping.wait(0.05)
            (row,) = rows_
        finally:
            sampler.stop()
    domain = sampler._source.domain
    assert row.covers == table and row.method == "counter"
    assert domain.energy / domain.covered == pytest.approx(total, rel=0.25)
    assert sampler._ledger.idle()["counter"] > 0, "requests get the whole machine's energy"


def test_a_machine_of_which_a_part_is_silent_tells_nothing():
    rig = Rig()
    parts = {"package-0": 0.0, "package-1": 0.0}
    silent = set()

    def read():
        rig.counter.check()
        return [count(joules, name) for name, joules in parts.items() if name not in silent]

    state = rig.sampler.states[0]
    state._read, state.proof = read, Proof(CHOICE, parts)
    rig.counter.device_domains = list

    def tick():
        parts["package-0"] += 3.0
        parts["package-1"] += 5.0
        rig.tick()

    both = {**COUNTER, "domain": "package-0+package-1"}
    for _ in range(62):
        tick()
    energy = rig.value("wattscan_energy_joules_total", **both)
    assert energy == pytest.approx(61 * 8.0)
    assert rig.value("wattscan_energy_source_info", **both, use="table") == 1
    assert rig.ledger.idle()["counter"] == pytest.approx(energy, rel=0.05)
    silent.add("package-1")
    tick()
    assert rig.value("wattscan_energy_joules_total", **both) is None
    silent.clear()
    tick()
    # A counter has counted while it was not read.
    assert rig.value("wattscan_energy_joules_total", **both) == pytest.approx(63 * 8.0)
    covered = rig.value(
        "wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0+package-1"
    )
    assert covered == pytest.approx(6.3)
