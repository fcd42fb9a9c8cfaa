"""One request to a model of a repository."""

import numpy as np

from wattscan.serving.batching.work import Work
from wattscan.telemetry.attribution import Ledger

IMAGE = np.ones((1, 4, 4, 1), np.float32)


def ask(repository, version=None):
    with repository.lease("tiny", version) as model:
        work = Work([IMAGE], 1, Ledger().open("t", "p"))
        return model.version, model.batcher.run(work)[0]
