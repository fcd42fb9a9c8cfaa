"""Where a peer is, and which proxy of the environment stands before it.

Loopback is this machine: no proxy is asked there. Elsewhere `no_proxy` is heeded, in either case.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.request import (
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
    getproxies,
    proxy_bypass,
)

LOOPBACK = "localhost"
MOST_PAGE_BYTES = 64_000_000
_PIECE = 1 << 16
_LOOPBACKS = ("", LOOPBACK, "localhost.localdomain", "ip6-localhost", "ip6-loopback")
# Of a gRPC address: these say no more than that it is one.
_SCHEME = re.compile(r"(?:http|grpc)://", re.IGNORECASE)
# A scheme, and of gRPC's `dns://authority/host` the authority.
_NAMED = re.compile(r"dns://[^/]*/|(?:dns|ipv4|ipv6):|[a-z][a-z0-9+.-]*://")
# In the order in which gRPC looks for them; it knows them in lower case alone.
_GRPC_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")


def host_of(address: str) -> str:
    """The host of an address or a URL, in lower case; every loopback and unspecified address is
    `LOOPBACK`."""
    text = _NAMED.sub("", address.strip().lower(), count=1)
    text = text.partition("/")[0].rpartition("@")[2]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") <= 1:
        text = text.partition(":")[0]
    else:
        # An IPv6 address without brackets, whose port cannot be told from its last part.
        text = text if ip_of(text) else text.rpartition(":")[0]
    ip = ip_of(text) or _short_ip(text)
    if ip is None:
        plain = text.rstrip(".")
        return LOOPBACK if plain in _LOOPBACKS or plain.endswith(".localhost") else plain
    return LOOPBACK if ip.is_loopback or ip.is_unspecified else str(ip)


def ip_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; None where the text is none."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _short_ip(text: str) -> ipaddress.IPv4Address | None:
    """Such as 127.1, as resolvers take it."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){1,2}", text):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def grpc_target(address: str) -> str:
    """What gRPC takes, of `host:port`, `http://host:port` or `grpc://host:port`; other schemes
    (`unix:`, `dns:`) are its own."""
    plain = _SCHEME.sub("", address.strip(), count=1)
    return plain.rstrip("/") if plain != address.strip() else plain


def grpc_options(address: str) -> list[tuple[str, Any]]:
    """Options of a channel to that address: no proxy where none is to be asked."""
    return [("grpc.enable_http_proxy", 0)] if _is_direct(host_of(address)) else []


def http_opener(url: str, *handlers: Any) -> OpenerDirector:
    """Opens that URL, by the environment's proxy where one is to be asked."""
    own = (ProxyHandler({}),) if _is_direct(host_of(url)) else ()
    return build_opener(*own, *handlers)


def fetch(
    url: str, *handlers: Any, seconds: float = 5.0, headers: Mapping[str, str] | None = None
) -> str:
    """The text of a page, within that time and `MOST_PAGE_BYTES`, however it comes.

    Raises: OSError, HTTPException, UnicodeDecodeError.
    """
    end = time.monotonic() + seconds
    request = Request(url, headers=dict(headers or {}))  # noqa: S310
    with http_opener(url, *handlers).open(request, timeout=seconds) as page:
        parts, size = [], 0
        while part := page.read1(_PIECE):
            parts.append(part)
            size += len(part)
            if time.monotonic() > end:
                raise TimeoutError(f"it takes more than {seconds:g} s")
            if size > MOST_PAGE_BYTES:
                raise OSError(f"it has more than {MOST_PAGE_BYTES / 1e6:.0f} MB")
    return b"".join(parts).decode()


def grpc_proxy_told(address: str) -> str:
    """The part of a sentence that names a proxy before that address; empty for none.

    The proxy's own address is left out: it may hold a password.
    """
    if not _is_direct(host_of(address)):
        for name in _GRPC_PROXIES:
            if os.environ.get(name):
                return f", by way of the proxy that the environment names in {name}"
    return ""


def http_proxy_told(url: str) -> str:
    """The same of a URL."""
    scheme = url.partition("://")[0].lower()
    if _is_direct(host_of(url)) or scheme not in getproxies():
        return ""
    return f", by way of the proxy that the environment names in {scheme}_proxy"


def _is_direct(host: str) -> bool:
    return host == LOOPBACK or bool(proxy_bypass(host))
