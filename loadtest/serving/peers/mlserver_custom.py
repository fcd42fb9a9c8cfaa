"""MLServer with a custom runtime: an ONNX Runtime session in `MLModel`.

0 instances: it serves in the process of the server itself (MLServer's parallel inference off), with
two sessions; other figures are its `parallel_workers`, each a process with a session.
"""

import asyncio
import queue

import peer
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceResponse

_IN_PROCESS = 2


class Network(MLModel):
    """Sessions, each used by one request at a time."""

    async def load(self):
        """Open the sessions, in the process that uses them."""
        extra = self._settings.parameters.extra
        self._sessions = queue.SimpleQueue()
        for _ in range(extra["sessions"]):
            self._sessions.put(peer.session(extra["file"]))
        self._turns = asyncio.Semaphore(extra["sessions"])
        return True

    async def predict(self, payload):
        """The Open Inference Protocol's request -> its response."""
        image = NumpyCodec.decode_input(payload.inputs[0])
        async with self._turns:
            logits = await asyncio.to_thread(self._run, image)
        output = NumpyCodec.encode_output("logits", logits)
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])

    def _run(self, image):
        session = self._sessions.get()
        try:
            return session.run(None, {"image": image})[0]
        finally:
            self._sessions.put(session)


async def serve(options):
    """Serve until SIGTERM."""
    port = peer.free_port()
    settings = Settings(
        debug=False,
        host=peer.LOOPBACK,
        http_port=peer.free_port(),
        grpc_port=port,
        grpc_max_message_length=64 << 20,
        parallel_workers=options.instances,
        metrics_endpoint=None,
        load_models_at_startup=False,
        model_repository_root=options.work,
        environments_dir=f"{options.work}/environments",
    )
    extra = {"file": options.file, "sessions": 1 if options.instances else _IN_PROCESS}
    model = ModelSettings(
        name=options.model,
        implementation="mlserver_custom.Network",
        parameters=ModelParameters(extra=extra),
    )
    peer.announce_when_ready(port, options.model)
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(serve(peer.arguments()))
