"""The options that say how a service is reached: TLS and a token."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from wattscan.client.connection import Tls
from wattscan.contracts import WattscanError


def add_connection_arguments(add: Callable[..., object]) -> None:
    """Every one of them. `add` is an argument parser's or group's."""
    add("--tls", action="store_true", help="use TLS, and trust the system's certificates")
    add("--ca", metavar="FILE", help="use TLS, and trust this authority's certificate (PEM)")
    add("--cert", metavar="FILE", help="the client certificate, if the service wants one (PEM)")
    add("--key", metavar="FILE", help="the private key of --cert (PEM)")
    add("--token-file", metavar="FILE", help="a file with the bearer token for the service")


def tls_of(options: argparse.Namespace) -> Tls | None:
    """What the options ask for; None: no TLS."""
    if not (options.tls or options.ca or options.cert or options.key):
        return None
    return Tls(options.ca or None, options.cert or None, options.key or None)


def tls_of_words(words: Sequence[str]) -> Tls | None:
    """What these options ask for, among others."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_connection_arguments(parser.add_argument)
    return tls_of(parser.parse_known_args(list(words))[0])


def token_of(options: argparse.Namespace) -> str | None:
    """The token. Raises: WattscanError: its file cannot be read."""
    if not options.token_file:
        return None
    try:
        token = Path(options.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WattscanError(
            f"the token file {options.token_file} cannot be read: {error}"
        ) from None
    if not token:
        raise WattscanError(f"the token file {options.token_file} is empty")
    return token
