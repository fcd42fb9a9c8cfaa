"""What all tests share."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's business.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

_SLOW = re.compile(r"^pytestmark = (\[[^\]]*)?pytest\.mark\.slow", re.MULTILINE)
_skipped: list[str] = []


def pytest_configure() -> None:
    # What a user has cached is not the tests', nor theirs the user's.
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="wattscan-cache-")
    # A shell's background job ignores Ctrl-C, and its children inherit that: the tests that send
    # it to a child would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail when a test is skipped for want of something that this machine could have",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # A file that is slow as a whole is not even imported: torch and its like take seconds.
    leaves_slow_out = config.option.markexpr == "not slow" and collection_path.suffix == ".py"
    return True if leaves_slow_out and _SLOW.search(collection_path.read_text()) else None


def pytest_collection_finish() -> None:
    # It has gevent patch the standard library, and the tests after it would run in another world.
    if "locust" in sys.modules:
        raise pytest.UsageError("a test imports locust in pytest's own process: start a child")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # Of tests that run side by side, each worker reports to the controller, which reports here too.
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, (tuple, list)) else ""
    # What the hardware itself rules out stays skipped everywhere, and so does a board's old Python.
    ruled_out = any(cause in reason for cause in ("this processor", "no python3.10 here"))
    if report.skipped and not ruled_out:
        _skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    is_worker = hasattr(session.config, "workerinput")
    all_must_run = session.config.getoption("--no-skips") and not is_worker
    if all_must_run and _skipped and not session.exitstatus:
        print("\nskipped, and --no-skips was given:", *_skipped, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def need_program() -> Callable[[str, str], str]:
    """The path of a program, or a skip that names the Debian package that has it."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        if path is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
        return path

    return find


@pytest.fixture
def sink():
    """An OpenTelemetry collector: its URL, and the bodies that were sent to it."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", bodies
    server.shutdown()
    thread.join()
    server.server_close()
