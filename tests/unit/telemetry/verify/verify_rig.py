"""A source that does not come back."""

import threading

from wattscan.contracts import EnergyReading, Method
from wattscan.units import Joules


class Blocking:
    """A counter whose reads from one on do not come back until it is let go."""

    uncertainty_ratio, update_period = 0.0, 0.05
    method: Method = "counter"

    def __init__(self, name, count, after=5, seconds=None):
        self.name = name
        self.count = count
        self.left = after
        self.seconds = seconds
        self.free = threading.Event()

    def read_energy(self):
        self.left -= 1
        if self.left < 0 and not self.free.wait(self.seconds):
            self.free.set()  # it was slow for once
        return [EnergyReading("gpu0", "board", Joules(self.count()))]
