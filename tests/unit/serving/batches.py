"""Requests for a batcher, and an engine that shows whose rows are whose."""

import time

import numpy as np

from wattscan.contracts import Batching
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.batching.work import Work
from wattscan.telemetry.attribution import Ledger


class Doubler:
    """Doubles its rows; holds the size of each batch."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.batches = []
        self.inside = 0

    def run(self, inputs):
        self.inside += 1
        assert self.inside == 1, "two threads in one engine"
        self.batches.append(len(inputs[0]))
        time.sleep(self.seconds)
        self.inside -= 1
        return [inputs[0] * 2, inputs[0].sum(axis=1)]


def work(rows=1, value=1.0, width=3, **changes):
    # No row is as another one: a mix-up would show.
    array = (
        np.full((rows, width), value, np.float32) + np.arange(rows, dtype=np.float32)[:, None] / 64
    )
    return Work([array], rows, Ledger().open("t", "p"), **changes)


def batcher(*runners, **settings_):
    return Batcher(runners, Batching(**settings_))
