"""What the clients of several protocols have in common. They run in environments of their own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Answer = dict[str, Any]


def client_parser(description: str | None, checks: Mapping[str, object]) -> argparse.ArgumentParser:
    """What every client is told: the server, the checks and the model."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("server", metavar="HOST:PORT")
    parser.add_argument("--check", action="append", required=True, choices=checks)
    parser.add_argument("--model", default="")
    return parser


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """Add the files that a connection by TLS needs."""
    parser.add_argument("--root-certificates", metavar="PEM", help="turns TLS on")
    parser.add_argument("--private-key", metavar="PEM")
    parser.add_argument("--certificate-chain", metavar="PEM")


def print_answers(
    options: argparse.Namespace,
    asker: T,
    checks: Mapping[str, Callable[[T], Any]],
    failed: Callable[[Exception], Answer],
    errors: tuple[type[Exception], ...],
) -> None:
    """Make the checks that the options name, one by one, and print what each gave, as JSON."""
    found: Answer = {}
    for name in options.check:
        try:
            found[name] = checks[name](asker)
        except errors as error:
            found[name] = failed(error)
    print(json.dumps(found))
