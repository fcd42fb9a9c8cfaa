"""Readings of a counter, and how long it is watched."""

from wattscan.contracts import EnergyReading, SensorChoice
from wattscan.targets import load_target
from wattscan.units import Joules

CHOICE = SensorChoice("s", {})
CPU = load_target("cpu")


def count(joules, domain="package-0", scope="chip"):
    return EnergyReading(domain, scope, Joules(joules))
