"""The rules of Prometheus: promtool takes them, each alert is tested, and names what exists."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from metric_names import known, named

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "docker" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def rules():
    for file in RULES:
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def promtool(need_program, *arguments):
    program = need_program("promtool", "prometheus")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_rules(need_program):
    said = promtool(need_program, "check", "rules", *RULES)
    assert f"{len(ALERTS)} rules found" in said


def test_promtool_takes_the_configuration(need_program):
    said = promtool(need_program, "check", "config", PROMETHEUS / "prometheus.yml")
    assert "2 rule files found" in said


@pytest.mark.slow
@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_promtools_tests_pass(need_program, file):
    assert "SUCCESS" in promtool(need_program, "test", "rules", file)


def expected():
    """Alert -> whether each of its tests expects it to fire."""
    found = {name: [] for name in ALERTS}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            for each in test.get("alert_rule_test", ()):
                found[each["alertname"]].append(bool(each["exp_alerts"]))
    return found


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_is_tested_firing_and_not_firing(name):
    assert set(expected()[name]) == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name):
    rule = ALERTS[name]
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in ("warning", "critical") and rule["for"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["summary"].endswith(".") and len(notes["description"]) > 60
    path, _, anchor = notes["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    assert anchor == name.lower() and name in headings


@pytest.mark.parametrize(
    "rule", list(rules()), ids=lambda rule: rule.get("record") or rule["alert"]
)
def test_rules_read_what_exists(rule):
    assert named(str(rule["expr"])) <= known() | RECORDED


def test_what_is_recorded_is_read():
    texts = [str(rule["expr"]) for rule in rules()]
    texts += [file.read_text() for file in (ROOT / "docker/grafana/dashboards").glob("*.json")]
    unread = {name for name in RECORDED if not any(name in text for text in texts)}
    assert not unread
