"""What ends a cooldown, and what does not: pages served by a real HTTP server.

The thermometer runs in an interpreter of its own, as the load generator does: gevent patches it.
"""

import http.server
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

DRIVER = """
import json, sys, time
from loadtest.thermometer import Thermometer
thermometer = Thermometer(sys.argv[1] or None)
thermometer.wait_idle(0.01)
begin = time.monotonic()
thermometer.wait_cool(float(sys.argv[2]))
print(json.dumps([time.monotonic() - begin, thermometer.unwatched]))
"""


def zone(celsius, name="die"):
    return f'wattscan_temperature_celsius{{target="t",sensor="s",zone="{name}"}} {celsius}\n'


@contextmanager
def pages(*bodies):
    """Serves each page once, then the last one for ever."""
    left = list(bodies)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()


def cooled(url, limit=0.6):
    command = [sys.executable, "-c", DRIVER, url, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    seconds, unwatched = json.loads(done.stdout)
    return seconds, unwatched, done.stderr


def test_a_device_that_is_cool_ends_the_cooldown():
    with pages(zone(40), zone(41.5)) as url:
        seconds, unwatched, _ = cooled(url, limit=60)
    assert seconds < 30 and unwatched == 0


def test_a_device_that_stays_warm_is_waited_for_to_the_limit():
    with pages(zone(40), zone(43)) as url:
        seconds, unwatched, _ = cooled(url)
    assert seconds >= 0.6 and unwatched == 0


@pytest.mark.parametrize(
    "later",
    [
        pytest.param("", id="none"),
        pytest.param(zone(40, "other"), id="another zone"),
        pytest.param(zone("NaN"), id="NaN"),
        pytest.param("<html>busy</html>", id="no page of metrics"),
        pytest.param('wattscan_temperature_celsius{sensor="s"} 40\n', id="no zone"),
        pytest.param('wattscan_temperature_celsius{target="t" 40', id="cut short"),
    ],
)
def test_an_absent_temperature_is_not_a_cool_one(later):
    with pages(zone(40) + zone(40, "lid"), later) as url:
        seconds, unwatched, _ = cooled(url)
    assert seconds >= 0.6 and unwatched == 1


def test_a_page_that_cannot_be_parsed_is_told_of():
    with pages(zone(40), "<html>busy</html>") as url:
        assert "cannot be read" in cooled(url)[2]


def test_without_a_page_the_limit_ends_it():
    seconds, unwatched, _ = cooled("")
    assert seconds >= 0.6 and unwatched == 1
