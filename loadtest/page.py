"""What the generator shows: its metrics page, and the run's progress on Locust's web page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response
from locust.web import WebUI
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from loadtest.ledger import RunLedger
from wattscan.contracts import WattscanError

_KEY, _TITLE = "wattscan", "Wattscan run"


class MetricsPage(Collector):
    """One page for all runs of the process: it shows the newest."""

    def __init__(self, address: str, port: int) -> None:
        """Raises: WattscanError: the port is taken, or the address is not this machine's."""
        self.ledger: RunLedger | None = None
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, _ = start_http_server(port, address, registry)
        except (OSError, OverflowError) as error:
            raise WattscanError(
                f"the metrics page cannot be served at {address}:{port}: {error}; --metrics-port "
                "and --metrics-address say where else, and port 0 picks a free one"
            ) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def collect(self) -> Iterator[Metric]:
        """The newest run's."""
        if self.ledger is not None:
            yield from self.ledger.collect()


def show_progress(web: WebUI, rows: Callable[[], Mapping[str, object]]) -> None:
    """A tab of Locust's page with what a run does now."""
    web.template_args["extended_tabs"] = [{"title": _TITLE, "key": _KEY}]
    web.template_args["extended_tables"] = [
        {
            "key": _KEY,
            "structure": [{"key": "name", "title": _TITLE}, {"key": "value", "title": "Now"}],
        }
    ]

    def add(response: Response) -> Response:
        if response.mimetype == "application/json":
            told: Any = response.get_json(silent=True)
            if isinstance(told, dict) and "stats" in told:
                data = [{"name": k, "value": str(v)} for k, v in rows().items()]
                told["extended_stats"] = [{"key": _KEY, "data": data}]
                response.set_data(json.dumps(told))
        return response

    assert web.app is not None  # noqa: S101
    web.app.after_request(add)


def rows_of(run: str, progress: Mapping[str, Any], trouble: str) -> dict[str, object]:
    """The tab's rows."""
    rows: dict[str, object] = {"run": run or "not started"}
    if trouble:
        rows["ended early"] = trouble
    if not progress:
        return rows
    rows["phase"] = progress.get("phase", "")
    for key in ("task", "precision", "repeat", "rate", "kept"):
        if key in progress:
            rows[key] = progress[key]
    if "window" in progress:
        rows["window"] = f"{progress['window']} of {progress['of']}"
    if "seconds" in progress and "since" in progress:
        passed = time.time() - progress["since"]
        rows["time"] = f"{passed:.0f} of {progress['seconds']:.0f} s"
    return rows
