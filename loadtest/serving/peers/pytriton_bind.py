"""Triton through PyTriton's own interface: callables that are bound to a model's name."""

import os
import signal
import threading

import numpy as np
import peer
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def main():
    """Bind, run, wait for a signal."""
    options = peer.arguments()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # PyTriton adds its own libraries' folder.
    os.environ["LD_LIBRARY_PATH"] = peer.python_library()
    port = peer.free_port()
    config = TritonConfig(
        grpc_address=peer.LOOPBACK,
        grpc_port=port,
        http_address=peer.LOOPBACK,
        http_port=peer.free_port(),
        allow_metrics=False,
        exit_timeout_secs=5,
    )
    with Triton(config=config, workspace=f"{options.work}/workspace") as triton:
        triton.bind(
            model_name=options.model,
            infer_func=[_callable(options.file) for _ in range(options.instances)],
            inputs=[Tensor(name="image", dtype=np.float32, shape=(-1, 3, 256, 256))],
            outputs=[Tensor(name="logits", dtype=np.float32, shape=(-1, 1, 256, 256))],
            config=ModelConfig(batching=False),
        )
        triton.run()
        peer.announce(port, options.model)
        stop.wait()


def _callable(path):
    session = peer.session(path)

    def infer(requests):
        return [
            {"logits": session.run(None, {"image": request["image"]})[0]} for request in requests
        ]

    return infer


if __name__ == "__main__":
    main()
