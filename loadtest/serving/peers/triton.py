"""Triton's own binary, as nvidia-pytriton packages it, with a Python-backend model.

The package has no ONNX Runtime backend; the Python backend is what it can serve a model with.
Every instance is a process with a session of its own.
"""

import os
import shutil
import sys
from pathlib import Path

import peer

_CONFIG = """\
name: "{model}"
backend: "python"
max_batch_size: 0
input [ {{ {source} }} ]
output [ {{ {answer} }} ]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
parameters {{ key: "file" value: {{ string_value: "{file}" }} }}
parameters {{ key: "checkout" value: {{ string_value: "{checkout}" }} }}
"""

_IMAGE = 'name: "image" data_type: TYPE_FP32 dims: [ -1, 3, 256, 256 ]'
_LOGITS = 'name: "logits" data_type: TYPE_FP32 dims: [ -1, 1, 256, 256 ]'
# Bytes as UINT8: a BYTES tensor would be copied once more, string by string.
_DICOM = 'name: "dicom" data_type: TYPE_UINT8 dims: [ -1 ]'
_MASK = 'name: "answer" data_type: TYPE_UINT8 dims: [ -1, -1 ]'
_PROBABILITIES = 'name: "answer" data_type: TYPE_FP32 dims: [ -1 ]'
_CLINICAL = {"nerve-ultrasound": _MASK, "brain-mri": _MASK, "chest-xray": _PROBABILITIES}


def main():
    """Lay the repository out, and become tritonserver."""
    options = peer.arguments()
    packages = Path(peer.onnxruntime.__file__).parents[1]
    server = packages / "pytriton" / "tritonserver"
    repository = _repository(options)
    backends = _backends(options, server)
    port = peer.free_port()
    _announce_from_a_grandchild(port, options.model)
    environment = {
        **os.environ,
        # The stub embeds the first Python of the path.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(packages),
        "LD_LIBRARY_PATH": os.pathsep.join(
            filter(None, [peer.python_library(), str(packages / "nvidia_pytriton.libs")])
        ),
    }
    binary = server / "bin" / "tritonserver"
    flags = _flags(repository, backends, port)
    os.execve(binary, [str(binary), *flags], environment)  # noqa: S606


def _repository(options):
    folder = Path(options.work) / "repository"
    model = folder / options.model
    (model / "1").mkdir(parents=True)
    here = Path(__file__).parent
    clinical = options.model in _CLINICAL
    code = "triton_clinical.py" if clinical else "triton_model.py"
    shutil.copy(here / code, model / "1" / "model.py")
    shutil.copy(here / "peer.py", model / "1")
    text = _CONFIG.format(
        model=options.model,
        source=_DICOM if clinical else _IMAGE,
        answer=_CLINICAL.get(options.model, _LOGITS),
        instances=options.instances,
        file=Path(options.file).resolve(),
        checkout=here.resolve().parents[2],
    )
    (model / "config.pbtxt").write_text(text)
    return folder


def _backends(options, server):
    """The packaged backend, with the stub of this Python beside it, where it is looked for."""
    folder = Path(options.work) / "backends"
    shutil.copytree(server / "backends", folder)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, folder / "python")
    return folder


def _flags(repository, backends, port):
    return [
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        f"--grpc-address={peer.LOOPBACK}",
        f"--grpc-port={port}",
        "--allow-http=false",
        "--allow-metrics=false",
        "--log-info=false",
        "--exit-timeout-secs=5",
    ]


def _announce_from_a_grandchild(port, model):
    """So that it is neither a part of the measured tree nor a child that nobody waits for."""
    server = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    peer.announce(port, model, lambda: _runs(server))
    os._exit(0)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
