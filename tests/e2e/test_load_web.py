"""Locust's web page: it starts a run, shows what it does, stops it, and starts another."""

import json
import socket
import urllib.parse
import urllib.request
from contextlib import suppress

import pytest
from load import Load

from waiting import wait_until

pytestmark = pytest.mark.slow

NERVE = "nerve-ultrasound"


@pytest.fixture
def page(service):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    load = Load(
        *("--web-host", "127.0.0.1", "--web-port", port, "--host", service.ready["grpc"]),
        *("--task", NERVE, "--variants", "int8", "--reference", "int8", "--run-id", "mine"),
        "--class-picker",
        headless=False,
    )
    page = Page(load, f"http://127.0.0.1:{port}")
    page.wait()
    yield page
    load.kill()


class Page:
    def __init__(self, load, url):
        self.load = load
        self.url = url

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, path, **form):
        data = urllib.parse.urlencode(form, doseq=True).encode()
        with urllib.request.urlopen(self.url + path, data, timeout=30) as answer:
            return json.loads(answer.read())

    def wait(self):
        def front():
            with suppress(OSError):
                return self.get("/")

        return wait_until(front, why=lambda: self.load.said)

    def rows(self):
        (told,) = json.loads(self.get("/stats/requests"))["extended_stats"]
        assert told["key"] == "wattscan"
        return {row["name"]: row["value"] for row in told["data"]}

    def until(self, **rows):
        def seen():
            found = self.rows()
            return found if rows.items() <= found.items() else None

        return wait_until(seen, 60, why=lambda: f"{self.rows()} {self.load.said}")

    def until_stopped(self):
        def state():
            return json.loads(self.get("/stats/requests"))["state"]

        wait_until(lambda: state() == "stopped", why=lambda: self.load.said)

    def start(self, **form):
        return self.post("/swarm", user_count=1, spawn_rate=1, **form)


def test_start_stop_and_a_second_start(page):
    assert "Wattscan run" in page.get("/")
    assert page.rows() == {"run": "not started"}
    assert page.start(user_classes=["Offline"], min_seconds=30)["success"]
    seen = page.until(phase="load")
    assert seen["run"] == "mine" and seen["window"] == "1 of 2" and seen["task"] == NERVE
    assert seen["time"].endswith(" of 30 s")
    page.post("/stop")
    assert page.until(phase="load")["ended early"] == "it was stopped"
    # The second run has a name of its own, on the same metrics page, and ends by itself.
    assert page.start(user_classes=["SingleStream"], min_seconds="")["success"]
    page.until(run="mine-2", phase="done")
    page.until_stopped()
    ready = [event for event in page.load.events if event["event"] == "ready"]
    assert len({event["metrics_port"] for event in ready}) == 1
    assert page.load.total("wattscan_run_info", run="mine-2") == 1
    assert not page.load.samples("wattscan_run_info", run="mine")


def test_a_workload_is_started_from_the_page(page):
    assert page.start(workload="singlestream-nerve-ultrasound", seed="9")["success"]
    page.until(phase="done")
    ((labels, _),) = page.load.samples("wattscan_run_workload_info")
    assert labels["name"] == "singlestream-nerve-ultrasound"
    ((info, _),) = page.load.samples("wattscan_run_info")
    assert (info["scenario"], info["seed"]) == ("SingleStream", "9")


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "no scenario is chosen: name one of "),
        ({"workload": "nope"}, "there is no workload called 'nope'"),
        ({"user_classes": ["Server"], "rate": "fast"}, "--rate takes a number, not 'fast'"),
    ],
)
def test_what_cannot_begin_is_told_on_the_page(page, form, told):
    page.start(**form)
    wait_until(
        lambda: told in page.rows().get("ended early", ""),
        why=lambda: (page.rows(), page.load.said),
    )
    # And the page is there for another try.
    page.until_stopped()
    page.start(user_classes=["SingleStream"], workload="", rate="")
    page.until(phase="done")
