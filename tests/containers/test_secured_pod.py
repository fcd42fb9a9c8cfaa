"""TLS, tokens and probes of `k8s/secured/cpu`, run here: variables, commands and Secrets."""

import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import trustme
from manifests import ROOT, container_of, one, pod_of, variables, wattscan


@pytest.fixture
def secrets(tmp_path):
    """The two Secrets as the kubelet mounts them, of an authority that nobody knows."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost")
    files = {
        "wattscan-tls": {
            "tls.key": leaf.private_key_pem.bytes(),
            "tls.crt": b"".join(each.bytes() for each in leaf.cert_chain_pems),
            "ca.crt": authority.cert_pem.bytes(),
        },
        "wattscan-tokens": {"tokens": b"viewer infer " + b"t" * 32 + b"\n"},
    }
    for volume in pod_of(one("secured/cpu", "Deployment"))["volumes"]:
        for name, content in files.get(f"wattscan-{volume['name']}", {}).items():
            file = tmp_path / volume["secret"]["secretName"] / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
            file.chmod(volume["secret"]["defaultMode"])
            # Root's, and of the pod's group: the server is neither root nor the owner.
            os.chown(file, 12345, os.getegid())
    return tmp_path


def test_the_probes_of_a_secured_server_work(secrets):
    """The manifest's variables and commands, with other ports and the Secrets elsewhere."""
    container = container_of(one("secured/cpu", "Deployment"))
    environment = {
        name: value.replace("/run/secrets", str(secrets))
        for name, value in variables(container).items()
    }
    # On loopback, since this machine's network is not the test's.
    environment |= {"WATTSCAN_ADDRESS": "127.0.0.1", "WATTSCAN_SYSFS": "/sys"}
    environment |= {"WATTSCAN_GRPC_PORT": "0", "WATTSCAN_METRICS_PORT": "0"}
    server = subprocess.Popen(
        wattscan("serve", "--models", ROOT / "tests" / "data"),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(server.stdout.readline())
        port = ready["grpc"].rpartition(":")[2]
        for name in ("readinessProbe", "livenessProbe"):
            _, *words = container[name]["exec"]["command"]
            words = [
                word.replace("/run/secrets", str(secrets)).replace(":8001", f":{port}")
                for word in words
            ]
            begun = time.monotonic()
            asked = subprocess.run(wattscan(*words), capture_output=True, text=True, timeout=30)
            assert asked.stdout == "SERVING\n", asked.stderr
            assert time.monotonic() - begun < container[name]["timeoutSeconds"]
        page = ready["metrics"].replace("127.0.0.1", "localhost")
        with pytest.raises(urllib.error.URLError, match="certificate"):
            urllib.request.urlopen(page, timeout=10)
        trusting = ssl.create_default_context(cafile=secrets / "wattscan-tls" / "ca.crt")
        with urllib.request.urlopen(page, timeout=10, context=trusting) as answer:
            assert b"wattscan_target_info" in answer.read()
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0
