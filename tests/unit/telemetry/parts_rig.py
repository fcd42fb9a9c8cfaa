"""Readings of a counter, for the tests of parts."""

from wattscan.contracts import EnergyReading
from wattscan.units import Joules


def count(domain, joules):
    return EnergyReading(domain, "chip", Joules(joules))
