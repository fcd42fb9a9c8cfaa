"""What the pods of `k8s/` are: who they run as, what they see, how they start and how they stop."""

import copy
import re
import subprocess

import pytest
import tomllib
from manifests import (
    FOLDERS,
    OPERATOR,
    ROOT,
    SERVERS,
    TARGETS,
    container_of,
    objects,
    one,
    pod_of,
    pods,
    variables,
    wattscan,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
STAGES = {
    "cpu", "edge-tpu", "jetson-nano", "jetson-orin", "nvidia", "nvidia-pascal", "loadtest",
    "collector",
}  # fmt: skip
# After the last answer: open streams, connections, the process's own end (serving/server.py).
AFTER_THE_LAST_ANSWER = 5
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
each_pod = pytest.mark.parametrize(
    ("folder", "workload"),
    [pytest.param(*pod, id=f"{pod[0]}-{pod[1]['metadata']['name']}") for pod in pods()],
)


def test_every_target_but_the_mac_has_an_overlay_and_a_daemon_set():
    known = {path.stem for path in (ROOT / "services/wattscan/targets").glob("*.toml")}
    assert set(TARGETS) == known - {"apple-m1"}
    for name in TARGETS:
        for folder, kind in ((f"targets/{name}", "Deployment"), (f"edge/{name}", "DaemonSet")):
            server = one(folder, kind)
            assert variables(container_of(server))["WATTSCAN_TARGET"] == name
            assert pod_of(server)["nodeSelector"] == {"wattscan.io/target": name}
            assert {each["metadata"].get("namespace") for each in objects(folder)} == {
                None, f"wattscan-{name}",
            }  # fmt: skip
            assert one(folder, "Namespace")["metadata"]["name"] == f"wattscan-{name}"


def test_an_edge_server_is_the_deployment_but_for_its_kind():
    for name in TARGETS:
        made = one(f"edge/{name}", "DaemonSet")["spec"]["template"]
        pod = copy.deepcopy(one(f"targets/{name}", "Deployment")["spec"]["template"])
        del pod["spec"]["affinity"]
        assert made == pod


@each_pod
def test_images_are_of_this_version(folder, workload):
    stage, version = re.fullmatch(r"wattscan/(.*):(.*)", container_of(workload)["image"]).groups()
    assert version == PROJECT["version"]
    assert stage in STAGES


@each_pod
def test_a_pod_is_as_restricted_asks_and_more(folder, workload):
    pod, container = pod_of(workload), container_of(workload)
    own = pod["securityContext"]
    assert own["runAsNonRoot"]
    assert own["runAsUser"] == own["runAsGroup"] == own["fsGroup"] == 10001
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC", "initContainers"))
    assert pod["automountServiceAccountToken"] is False
    # Else Kubernetes sets variables that `wattscan serve` takes for its options.
    assert pod["enableServiceLinks"] is False
    for kind in ("requests", "limits"):
        assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][kind].keys()


@each_pod
def test_all_is_mounted_read_only_but_scratch_and_results(folder, workload):
    volumes = {each["name"]: each for each in pod_of(workload)["volumes"]}
    mounts = container_of(workload)["volumeMounts"]
    assert {each["name"] for each in mounts} == volumes.keys()
    for mount in mounts:
        if volumes[mount["name"]].keys() & {"emptyDir", "persistentVolumeClaim"}:
            continue
        assert mount["readOnly"], mount["mountPath"]
    paths = {each["mountPath"] for each in mounts}
    assert {"/tmp", "/var/cache"} <= paths


def test_only_the_processors_sensors_need_more_than_restricted():
    for folder in [
        name for name in FOLDERS if name.startswith(("base", "targets", "edge", "load"))
    ]:
        if folder == "loadtest/collect":  # in the namespace of the others
            continue
        labels = one(folder, "Namespace")["metadata"]["labels"]
        levels = {
            mode: labels[f"pod-security.kubernetes.io/{mode}"]
            for mode in ("enforce", "audit", "warn")
        }
        (host,) = {
            any("hostPath" in volume for volume in pod_of(each)["volumes"])
            for each in objects(folder, "Deployment", "DaemonSet", "Job")
        }
        assert host == (folder in ("targets/cpu", "edge/cpu"))
        assert levels == {
            "enforce": "privileged" if host else "restricted", "audit": "restricted",
            "warn": "restricted",
        }  # fmt: skip


@each_pod
def test_probes_and_policies_name_ports_that_are_there(folder, workload):
    container = container_of(workload)
    ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}
    for name in PROBES:
        probe = container.get(name, {})
        for kind in ("grpc", "tcpSocket"):
            if kind in probe:
                port = probe[kind]["port"]
                assert port in ports.values() or port in ports
        for word in probe.get("exec", {}).get("command", ()):
            if word.startswith("localhost:"):
                assert int(word.partition(":")[2]) in ports.values()
    labels = workload["spec"]["template"]["metadata"]["labels"].items()
    named = [
        port["targetPort"]
        for service in objects(folder, "Service")
        for port in service["spec"]["ports"]
        if service["spec"]["selector"].items() <= labels
    ]
    assert set(named) <= ports.keys()


@pytest.mark.parametrize("folder", SERVERS)
def test_a_server_has_time_to_stop(folder):
    (server,) = objects(folder, "Deployment", "DaemonSet")
    container = container_of(server)
    asleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = float(variables(container)["WATTSCAN_GRACE"])
    least = asleep + grace + AFTER_THE_LAST_ANSWER
    assert pod_of(server)["terminationGracePeriodSeconds"] >= least
    # A new pod is known to every node before an old one goes.
    assert server["spec"]["minReadySeconds"] >= 5
    if server["kind"] == "Deployment":
        assert server["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert name in container
    # A hung engine is told by NOT_SERVING, which a probe must see twice and more.
    live = container["livenessProbe"]
    assert live["failureThreshold"] * live["periodSeconds"] >= 60


@pytest.mark.parametrize("folder", SERVERS)
def test_every_variable_is_an_option_of_serve(folder):
    help_text = subprocess.run(wattscan("serve", "--help"), capture_output=True, text=True).stdout
    (server,) = objects(folder, "Deployment", "DaemonSet")
    for name in variables(container_of(server)):
        if name.startswith("WATTSCAN_"):
            flag = name.removeprefix("WATTSCAN_").replace("_", "-").lower()
            assert f"--{flag} " in help_text, name


def test_every_page_is_scraped_once():
    """A ServiceMonitor selects one port of one Service of each workload; a policy lets it in."""
    monitors = [each["spec"] for each in objects(OPERATOR, "ServiceMonitor")]
    for folder in [name for name in FOLDERS if name not in (OPERATOR, "loadtest/collect")]:
        selected = [
            (service["metadata"]["name"], end["port"])
            for service in objects(folder, "Service")
            for monitor in monitors
            if monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            for end in monitor["endpoints"]
            if end["port"] in [port["name"] for port in service["spec"]["ports"]]
        ]
        assert len(selected) == 1, folder
        rules = one(folder, "NetworkPolicy")["spec"]["ingress"]
        assert any(
            {"protocol": "TCP", "port": "metrics"} in rule["ports"]
            and "namespaceSelector" in rule["from"][0]
            for rule in rules
        )


def test_as_many_workers_are_expected_as_are_started():
    for folder in ("loadtest/headless", "loadtest/web"):
        master, workers = objects(folder, "Job")
        started = workers["spec"]["parallelism"]
        assert workers["spec"]["completions"] == started
        assert f"--expect-workers={started}" in container_of(master)["args"]


def test_the_web_page_listens_on_loopback_alone():
    master = container_of(objects("loadtest/web", "Job")[0])
    assert "--web-host=127.0.0.1" in master["args"] and "--headless" not in master["args"]
    assert 8089 not in [each["containerPort"] for each in master["ports"]]
