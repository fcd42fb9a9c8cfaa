"""The dashboards: where their panels lie, what each has, and what their queries name."""

import json
import re
from pathlib import Path

import pytest
import yaml

from metric_names import known, named

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "docker" / "grafana"
BOARDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [
    pytest.param(name, panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
# Grafana's names of units (@grafana/data, value formats) that are used.
UNITS = {"none", "string", "watt", "joule", "celsius", "s", "percentunit", "reqps", "cps"}
VARIABLES = ["datasource", "target", "instance", "task", "variant"]
COLORS = {"green", "orange", "red"}


def recorded():
    text = (ROOT / "docker/prometheus/rules/recording.yml").read_text("utf-8")
    return {r["record"] for g in yaml.safe_load(text)["groups"] for r in g["rules"]}


KNOWN = known() | recorded()


def test_there_are_the_three():
    assert {name: board["uid"] for name, board in BOARDS.items()} == {
        name: f"wattscan-{name}" for name in ("fleet", "run", "target")
    }


@pytest.mark.parametrize("name", BOARDS)
def test_no_two_panels_overlap_and_each_has_its_number(name):
    taken = {}
    for panel in BOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    numbers = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(numbers)) == len(numbers)
    titles = [panel["title"] for panel in BOARDS[name]["panels"] if panel["type"] != "row"]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_has_all_that_a_reader_needs(name, panel):
    assert panel["title"] and len(panel["description"]) > 10
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    (link,) = panel["links"]
    uid = re.fullmatch(r"/d/([a-z-]+)\?.*\$\{__url_time_range\}", link["url"])[1]
    assert link["title"] and uid in {board["uid"] for board in BOARDS.values()} - {
        f"wattscan-{name}"
    }
    # On a phone, half a page is as narrow as may be.
    assert panel["gridPos"]["w"] in (12, 24)
    assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_its_colors_are_names_that_follow_the_theme(name, panel):
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    assert {step["color"] for step in steps} <= COLORS
    assert [step["value"] for step in steps[:1]] in ([], [None])
    assert "#" not in json.dumps(panel["fieldConfig"])


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_its_queries_name_what_exists(name, panel):
    assert panel["targets"]
    variables = {v["name"] for v in BOARDS[name]["templating"]["list"]}
    for target in panel["targets"]:
        names = named(target["expr"])
        assert names and names <= KNOWN
        used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval", "__range"}
        assert used <= variables
        assert target["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("name", BOARDS)
def test_its_variables(name):
    variables = BOARDS[name]["templating"]["list"]
    names = [variable["name"] for variable in variables]
    assert names == VARIABLES + (["run"] if name == "run" else [])
    for variable in variables:
        assert variable["label"] and variable["description"]
        if variable["type"] == "query":
            assert named(variable["query"]) <= KNOWN
            assert variable["datasource"]["uid"] == "${datasource}"


def test_the_run_shows_its_phases_as_annotations():
    (phases,) = BOARDS["run"]["annotations"]["list"]
    assert named(phases["expr"]) == {"wattscan_run_phase_start_timestamp_seconds"}
    assert phases["useValueForTime"] and phases["expr"].startswith("1000 * ")


def test_each_metric_of_energy_and_of_the_service_is_on_a_panel():
    shown = set()
    for board in BOARDS.values():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                shown |= named(target["expr"])
    missing = {name for name in known() if name.startswith(("wattscan_sensor", "wattscan_cell"))}
    missing |= {"wattscan_power_watts", "wattscan_energy_joules_total", "wattscan_queue_depth"}
    assert missing <= shown


def test_provisioning_finds_the_data_source_and_the_dashboards():
    (source,) = _provisioned("datasources")["datasources"]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")
    variable = BOARDS["fleet"]["templating"]["list"][0]
    assert variable["current"]["value"] == source["uid"]
    (provider,) = _provisioned("dashboards")["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"


def _provisioned(kind):
    (file,) = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    return yaml.safe_load(file.read_text("utf-8"))
