"""Runs the load generator as a user does, and reads the page that it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from waiting import wait_until

SHORT = Path(__file__).parent / "short_locustfile.py"


class Load:
    """`locust` in a process of its own; its page is scraped until it is gone."""

    def __init__(self, *arguments, headless=True, env=None, file=SHORT, scrape_seconds=0.2):
        self.scrape_seconds = scrape_seconds
        command = [sys.executable, "-m", "locust", "-f", str(file), *map(str, arguments)]
        command += ["--headless", "--only-summary"] if headless else []
        if "--worker" not in arguments:
            command += ["--metrics-port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )  # fmt: skip
        self.events, self.page, self.stderr = [], "", []
        for read in (self._read, self._read_errors):
            threading.Thread(target=read, daemon=True).start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith("{"):
                    self.events.append(json.loads(line))
                    if self.events[-1]["event"] == "ready":
                        url = f"http://127.0.0.1:{self.events[-1]['metrics_port']}/metrics"
                        threading.Thread(target=self._scrape, args=(url,), daemon=True).start()

    def _read_errors(self):
        with self.process.stderr as lines:
            self.stderr.extend(lines)

    def _scrape(self, url):
        with suppress(OSError):
            while True:
                with urllib.request.urlopen(url, timeout=5) as page:
                    self.page = page.read().decode()
                time.sleep(self.scrape_seconds)

    def wait_for(self, event, timeout=240, **fields):
        """Until the generator says so."""

        def told():
            for each in list(self.events):
                if each["event"] == event and fields.items() <= each.items():
                    return each
            assert self.process.poll() is None, self.said
            return None

        return wait_until(told, timeout, why=lambda: f"no {event} {fields}: {self.said}")

    def end(self, timeout=240):
        """Wait for it; returns its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end: {self.said}") from None
        time.sleep(0.1)
        return code

    def kill(self):
        """It, and what it has forked."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def said(self):
        return "".join(self.stderr)

    def samples(self, name, **labels):
        """(labels, value) of each sample of that name on the last page."""
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def total(self, name, **labels):
        return sum(value for _, value in self.samples(name, **labels))
