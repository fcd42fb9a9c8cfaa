"""A process that sends, as Locust's runner sees it: messages in, messages out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from locust.env import Environment
from locust.rpc import Message

from loadtest.connection import Connection
from loadtest.sender import CLOSE, FORGET, OPEN, PREPARE, PREPARED, Sender
from wattscan.client.options import tls_of, token_of
from wattscan.contracts import WattscanError


class Member:
    """Takes the leader's messages; connects when the first run is prepared."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._runner: Any = environment.runner
        self._sender: Sender | None = None
        self._connection: Connection | None = None

    def register(self) -> None:
        """From now on."""
        # Making requests takes a while: other messages go on meanwhile.
        self._runner.register_message(PREPARE, self._prepare, concurrent=True)
        for kind, act in ((OPEN, Sender.open), (CLOSE, Sender.close)):
            self._runner.register_message(kind, self._passed_to(act))
        self._runner.register_message(FORGET, lambda **_: self.end())

    def end(self) -> None:
        """Nothing is sent any more, and nothing is held."""
        if self._sender is not None:
            self._sender.forget()
        if self._connection is not None:
            self._connection.close()
        self._sender = self._connection = None

    def _prepare(self, msg: Message, **_: object) -> None:
        self.end()
        try:
            self._connection = connect(self._environment, msg.data["address"], msg.data["clients"])
        except WattscanError as error:
            self._report(PREPARED, {"run": msg.data["run"], "error": str(error)})
            return
        self._sender = Sender(self._connection, self._report)
        self._sender.prepare(msg.data)

    def _passed_to(self, act: Any) -> Any:
        def take(msg: Message, **_: object) -> None:
            if self._sender is not None:
                act(self._sender, msg.data)

        return take

    def _report(self, kind: str, data: Mapping[str, Any]) -> None:
        self._runner.send_message(kind, dict(data))


def connect(environment: Environment, address: str, clients: int) -> Connection:
    """As this process's own options say. Raises: WattscanError."""
    options = environment.parsed_options or Namespace()
    fire = environment.events.request.fire
    return Connection(address, clients, tls_of(options), token_of(options), fire)


def address_of(environment: Environment) -> str:
    """The service's."""
    return environment.host or "127.0.0.1:8001"
