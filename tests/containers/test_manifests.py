"""What `k8s/` applies, against Kubernetes's schemas, the Prometheus operator's types, checkov."""

import copy
import json
import shutil
import subprocess
import sys

import pytest
import yaml
from manifests import CLIENTS, FOLDERS, OPERATOR, ROOT, in_checks, objects, text

sys.path.insert(0, str(ROOT / "docs"))
import operator_rules

# The oldest in which all of it works (preStop's sleep), and the newest that the schemas know.
VERSIONS = ("1.30", "1.37")
# Their keys are the user's own.
FREE = {
    "labels", "annotations", "matchLabels", "selector", "nodeSelector", "requests", "limits",
    "data",
}  # fmt: skip
CHECKOV = ("--framework", "kubernetes", "--output", "json", "--skip-download")
RULES = ROOT / "tests" / "containers" / "rules"


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_builds(folder):
    assert objects(folder)


@pytest.mark.parametrize("folder", [name for name in FOLDERS if name != OPERATOR])
def test_kubernetes_knows_every_field(folder):
    cases = [(version, made) for version in VERSIONS for made in objects(folder)]
    errors = in_checks("schema_errors.py", cases)
    assert [error for error in errors if error] == []


def misspelt(made, path=()):
    """Copies of an object, each with one key misspelt, and which."""
    for key, value in made.items() if isinstance(made, dict) else enumerate(made):
        named = isinstance(key, str) and key not in ("apiVersion", "kind")
        # A Deployment's `selector` has keys of Kubernetes, a Service's has free ones.
        kubernetes = path[-1:] == ("selector",) and key == "matchLabels"
        if named and (kubernetes or not FREE.intersection(path[-1:])):
            yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from misspelt(value, (*path, key))


def with_misspelt(made, path):
    changed = copy.deepcopy(made)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[f"{path[-1]}s"] = holder.pop(path[-1])
    return changed


@pytest.mark.parametrize(
    "folder", ["targets/cpu", "edge/jetson-orin", "secured/cpu", "loadtest/web"]
)
def test_a_misspelt_field_is_found(folder):
    cases = [(made, path) for made in objects(folder) for path in misspelt(made)]
    assert len(cases) > 100
    changed = [(VERSIONS[-1], with_misspelt(*case)) for case in cases]
    errors = in_checks("schema_errors.py", changed)
    missed = [path for (_, path), error in zip(cases, errors, strict=True) if not error]
    assert missed == []


def checkov(folder):
    done = subprocess.run(
        [CLIENTS / "checkov" / "bin" / "checkov", "--directory", folder, *CHECKOV],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["results"]


def test_checkov_finds_nothing_that_is_not_explained(tmp_path):
    checked = [name for name in FOLDERS if name != OPERATOR]
    for name in checked:
        (tmp_path / f"{name.replace('/', '-')}.yaml").write_text(text(name))
    results = checkov(tmp_path)
    found = {
        (each["check_id"], each["check_name"], each["resource"], each["file_path"])
        for each in results["failed_checks"]
    }
    assert found == set()
    assert {each["file_path"] for each in results["passed_checks"]} == {
        f"/{name.replace('/', '-')}.yaml" for name in checked
    }
    for each in results["skipped_checks"]:
        assert len(each["check_result"]["suppress_comment"]) > 40, each["check_id"]


def test_checkov_would_find_something(tmp_path):
    weaker = text("base").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    (tmp_path / "applied.yaml").write_text(weaker)
    assert [each["check_id"] for each in checkov(tmp_path)["failed_checks"]] == ["CKV_K8S_22"]


def operator_errors(made, folder):
    """What TypeScript says of objects as literals of the operator's types, which take no field that
    they lack, and what the types' own validators say."""
    kinds = sorted({each["kind"] for each in made})
    home = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
    lines = [f'import {{ type I{kind}, {kind} }} from "{home}/{kind}";' for kind in kinds]
    for number, each in enumerate(made):
        kind, literal = each["kind"], json.dumps(each)
        lines += [
            f"const m{number}: I{kind} & {{apiVersion: string, kind: string}} = {literal};",
            f"new {kind}(m{number}).validate();",
        ]
    project = CLIENTS / "operator"
    source = project / f"{folder}.mts"
    source.write_text("\n".join(lines))
    options = ["--module", "nodenext", "--skipLibCheck", "--strict", "--target", "es2022"]
    compiled = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", *options, source.name],
        cwd=project, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    ran = subprocess.run(
        ["node", f"{folder}.mjs"], cwd=project, capture_output=True, text=True, timeout=60
    )
    return compiled.stdout + ran.stderr


def rule_objects():
    files = sorted(RULES.glob("*.yml"))
    return [yaml.safe_load(operator_rules.as_object(file)) for file in files]


def test_the_prometheus_operator_knows_every_field():
    applied = objects(OPERATOR)
    assert {each["kind"] for each in applied} >= {"ServiceMonitor"}
    assert operator_errors([*applied, *rule_objects()], "applied") == ""


@pytest.mark.parametrize(
    "path", [("spec", "endpoints"), ("spec", "endpoints", 0, "port"), ("spec", "selector")]
)
def test_a_field_that_the_operator_does_not_know_is_found(path):
    monitor = objects(OPERATOR, "ServiceMonitor")[0]
    assert "does not exist in type" in operator_errors([with_misspelt(monitor, path)], "misspelt")


def test_a_wrong_type_in_a_rule_is_found():
    (alerts, _) = rule_objects()
    alerts["spec"]["groups"][0]["rules"][0]["for"] = "soon"
    assert "for" in operator_errors([alerts], "wrong")


def test_prometheus_rules_become_objects_without_a_change(tmp_path):
    home = tmp_path / "docker" / "prometheus" / "rules"
    shutil.copytree(RULES, home)
    made = list(yaml.safe_load_all(operator_rules.objects(tmp_path)))
    assert [each["metadata"]["name"] for each in made] == ["wattscan-alerts", "wattscan-recording"]
    for each, file in zip(made, sorted(home.iterdir()), strict=True):
        assert each["spec"] == yaml.safe_load(file.read_text())


def test_without_rules_there_is_no_object(tmp_path):
    assert all(line.startswith("#") for line in operator_rules.objects(tmp_path).splitlines())
