"""The overlays that the pages show build, and do what the pages say."""

import re
import subprocess

import pytest
import yaml
from manifests import K8S, ROOT, container_of, in_checks, kubectl

README, GUIDE = K8S / "README.md", ROOT / "docs" / "kubernetes.md"


def blocks(page):
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.fixture
def built(tmp_path):
    """What an overlay beside a checkout makes; its objects by kind and name."""

    def build(text):
        (tmp_path / "wattscan").symlink_to(ROOT)
        site = tmp_path / "site"
        site.mkdir()
        (site / "kustomization.yaml").write_text(text)
        (site / "mine.toml").write_text("title = 'Mine'\n")
        done = subprocess.run(
            [kubectl(), "kustomize", str(site)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        made = [each for each in yaml.safe_load_all(done.stdout) if each]
        assert in_checks("schema_errors.py", [("1.37", each) for each in made]) == [None] * len(
            made
        )
        return {(each["kind"], each["metadata"]["name"]): each for each in made}

    return build


def test_a_target_of_ones_own_with_a_meter(built):
    (text,) = blocks(README)
    made = built(text)
    container = container_of(made["DaemonSet", "wattscan"])
    assert {"name": "WATTSCAN_TARGET", "value": "/etc/wattscan/mine.toml"} in container["env"]
    assert made["NetworkPolicy", "wattscan"]["spec"]["egress"]
    names = [name for kind, name in made if kind == "ConfigMap"]
    volumes = made["DaemonSet", "wattscan"]["spec"]["template"]["spec"]["volumes"]
    assert names == [each["configMap"]["name"] for each in volumes if "configMap" in each]


def test_an_image_by_its_digest(built):
    text = blocks(GUIDE)[0].replace("sha256:...", f"sha256:{'0' * 64}")
    made = built(text)
    image = container_of(made["Deployment", "wattscan"])["image"]
    assert image == f"registry.example/wattscan/cpu@sha256:{'0' * 64}"


def test_callers_outside_the_cluster(built):
    made = built("resources: [../wattscan/k8s/targets/cpu]\n" + blocks(GUIDE)[1])
    assert made["Service", "wattscan"]["spec"]["type"] == "LoadBalancer"
    (*_, outside) = made["NetworkPolicy", "wattscan"]["spec"]["ingress"]
    assert outside["from"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
