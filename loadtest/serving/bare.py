"""The ceiling: ONNX Runtime's session, or a clinical pipeline, in a loop, nothing around it.

`python -m loadtest.serving.bare MODEL SECONDS SESSIONS EXCHANGE` prints a `TimedStretch` as a line
of JSON; EXCHANGE is a file with `calls.Exchange`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtest.serving import clinical, frames, networks
from loadtest.serving.calls import Exchange
from loadtest.serving.window import TimedStretch, summarise

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


def exchange(model: str) -> Exchange:
    """What a server of the model is checked against; of a task, what it is sent too."""
    file = networks.path(model)
    if model in networks.TASKS:
        frame = frames.frame(model)
        answer, _ = clinical.ClinicalPipeline(file).run(frame)
        return {"dicom": np.frombuffer(frame, np.uint8), "answer": answer}
    image = networks.standardised(networks.pixels())
    opened = session(file)
    logits, of_image = (
        opened.run(None, {networks.INPUT: tensor})[0] for tensor in (networks.tensor(), image)
    )
    return {"logits": logits, "mask": (of_image >= 0).astype(np.uint8)}


def measure(loops: Sequence[Callable[[], object]], seconds: float) -> TimedStretch:
    """Run each in a loop of its own, side by side."""
    for each in [*loops] * _WARM_UP:
        each()
    took: list[list[float]] = [[] for _ in loops]

    def loop(number: int) -> None:
        until = time.perf_counter() + seconds
        while (start := time.perf_counter()) < until:
            loops[number]()
            took[number].append(time.perf_counter() - start)

    # The first in the main thread: other threads' heaps are small, and large buffers leave them.
    threads = [threading.Thread(target=loop, args=(number,)) for number in range(1, len(loops))]
    start, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    loop(0)
    for thread in threads:
        thread.join()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    return summarise(len(loops), [value for each in took for value in each], wall, 0.0, cpu)


def _session_loop(file: Path, tensor: NDArray[np.float32]) -> Callable[[], object]:
    opened = session(file)
    return lambda: opened.run(None, {networks.INPUT: tensor})


def _clinical(file: Path, frame: bytes, seconds: float) -> TimedStretch:
    """One pipeline, and what its stages took."""
    pipeline = clinical.ClinicalPipeline(file)
    spent: list[tuple[float, ...]] = []
    window = measure([lambda: spent.append(pipeline.run(frame)[1])], seconds)
    means = np.mean(spent[_WARM_UP:], axis=0).tolist()
    return dataclasses.replace(window, stages=dict(zip(clinical.STAGES, means, strict=True)))


def main() -> None:
    """Measure, and print."""
    model, seconds, sessions, arrays = sys.argv[1:]
    file = networks.path(model)
    if model in networks.TASKS:
        with np.load(arrays) as found:
            frame = found["dicom"].tobytes()
        window = _clinical(file, frame, float(seconds))
    else:
        tensor = networks.tensor()
        loops = [_session_loop(file, tensor) for _ in range(int(sessions))]
        window = measure(loops, float(seconds))
    print(json.dumps(window.__dict__), flush=True)


if __name__ == "__main__":
    main()
