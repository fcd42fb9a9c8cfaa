"""KServe's Python SDK: a `Model` in its `ModelServer`, gRPC.

Its gRPC side runs in one process (its `--workers` are for HTTP). `predict` hands the session's run
to a thread, for else one request at a time would be all that the event loop takes; with 0 instances
it does not: that is less work for a request, and one core's worth of them.
"""

import asyncio
import logging
import queue

import peer
import uvicorn
from kserve import InferOutput, InferResponse, Model, ModelServer


class InLoop(Model):
    """One session, run in the event loop."""

    def __init__(self, name, path):
        super().__init__(name)
        self._session = peer.session(path)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002
        """The Open Inference Protocol's request -> its response, raw bytes both."""
        image = payload.inputs[0].as_numpy()
        return response(self, payload, self._session.run(None, {"image": image})[0])


class InThreads(Model):
    """Sessions, each used by one request at a time."""

    def __init__(self, name, path, instances):
        super().__init__(name)
        self._sessions = queue.SimpleQueue()
        for _ in range(instances):
            self._sessions.put(peer.session(path))
        self._turns = None
        self._instances = instances
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002
        """The Open Inference Protocol's request -> its response, raw bytes both."""
        if self._turns is None:
            self._turns = asyncio.Semaphore(self._instances)
        image = payload.inputs[0].as_numpy()
        async with self._turns:
            logits = await asyncio.to_thread(self._run, image)
        return response(self, payload, logits)

    def _run(self, image):
        session = self._sessions.get()
        try:
            return session.run(None, {"image": image})[0]
        finally:
            self._sessions.put(session)


def response(model, payload, logits):
    """One output, raw."""
    output = InferOutput(name="logits", shape=list(logits.shape), datatype="FP32")
    output.set_data_from_numpy(logits, binary_data=True)
    return InferResponse(response_id=payload.id, model_name=model.name, infer_outputs=[output])


def main():
    """Serve until SIGTERM."""
    options = peer.arguments()
    port = peer.free_port()
    peer.bind_to_loopback(port)
    _http_on_loopback()
    model = (
        InThreads(options.model, options.file, options.instances)
        if options.instances
        else InLoop(options.model, options.file)
    )
    server = ModelServer(
        http_port=peer.free_port(),
        grpc_port=port,
        enable_latency_logging=False,
        grace_period=5,
    )
    # A line of log for every call else.
    for name in ("kserve", "kserve.trace", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    peer.announce_when_ready(port, options.model)
    server.start([model])


def _http_on_loopback():
    """The SDK binds it to every address, and has no option against it."""
    original = uvicorn.Config.__init__

    def configure(self, *args, **options):
        original(self, *args, **{**options, "host": peer.LOOPBACK})

    uvicorn.Config.__init__ = configure


if __name__ == "__main__":
    main()
