"""Every scenario sends in every window, in its own way, and counts the load phase alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "drive_scenario.py"


def drive(scenario, *images):
    done = subprocess.run(
        [sys.executable, str(DRIVER), scenario, *images],
        capture_output=True,
        text=True,
        cwd=DRIVER.parents[3],
        env={"PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["windows"]


@pytest.mark.parametrize(
    ("scenario", "least", "most", "images"),
    [
        ("SingleStream", 50, 200, 1),
        ("MultiStream", 50, 200, 8),
        # 50 a second for a second: within five standard deviations of a Poisson count.
        ("Server", 15, 85, 1),
        ("Offline", 200, 800, 1),
    ],
)
def test_a_scenario_sends_in_every_window(scenario, least, most, images):
    windows = drive(scenario)
    assert len(windows) == 4
    for window in windows:
        queries = window["ok"] + window["error"] + window["dropped"]
        assert least <= queries <= most
        assert window["images"] == window["ok"] * images
        assert 1.0 <= window["load"] < 1.5


def test_a_tenth_that_fails_is_counted_as_failed():
    for window in drive("SingleStream"):
        assert window["error"] == pytest.approx(window["ok"] / 9, abs=2)
        assert window["errors"] == {"INTERNAL": "planted"}


def test_a_query_of_several_streams_is_one_request_where_a_request_takes_as_many():
    for window in drive("MultiStream", "8"):
        assert window["images"] == 8 * window["ok"] and window["ok"] > 20
