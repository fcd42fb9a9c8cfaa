"""The ceiling: ONNX Runtime's session in a loop, nothing around it.

`python -m loadtest.serving.bare MODEL SECONDS SESSIONS` prints a `Window` as a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.serving import networks
from loadtest.serving.window import Window, summarise

_WARM_UP = 3


def session(file: Path) -> Any:
    """One thread, no spinning: what every server is given too."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before it is loaded
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def answer(file: Path, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network answers: float32 (1, 1, 256, 256)."""
    logits: NDArray[np.float32] = session(file).run(None, {networks.INPUT: tensor})[0]
    return logits


def measure(file: Path, seconds: float, sessions: int) -> Window:
    """Run that many sessions, each in a loop of its own, side by side."""
    tensor = networks.tensor()
    opened = [session(file) for _ in range(sessions)]
    for each in opened * _WARM_UP:
        each.run(None, {networks.INPUT: tensor})
    took: list[list[float]] = [[] for _ in opened]

    def loop(number: int) -> None:
        until = time.perf_counter() + seconds
        while (start := time.perf_counter()) < until:
            opened[number].run(None, {networks.INPUT: tensor})
            took[number].append(time.perf_counter() - start)

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(sessions)]
    start, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    return summarise(sessions, [value for each in took for value in each], wall, 0.0, cpu)


def main() -> None:
    """Measure, and print."""
    model, seconds, sessions = sys.argv[1:]
    found = measure(networks.path(model), float(seconds), int(sessions))
    print(json.dumps(found.__dict__), flush=True)


if __name__ == "__main__":
    main()
