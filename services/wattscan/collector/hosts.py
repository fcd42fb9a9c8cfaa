"""Whether two `instance` labels are of one machine."""

from __future__ import annotations

import ipaddress
import socket

_LOOPBACK = "localhost"
_LOOPBACKS = ("", _LOOPBACK, "localhost.localdomain", "ip6-localhost", "ip6-loopback")


def same_host(one: str, other: str) -> bool:
    """Whether two instances, `host:port` or a host alone, name one machine.

    A name without a domain is the same name in any. Every loopback and unspecified address is this
    machine, and so is the name of the machine that collects, where the other one is loopback.
    """
    hosts = {_host(one), _host(other)}
    if len(hosts) == 1 or _short_form(*hosts):
        return True
    return _LOOPBACK in hosts and bool(hosts & _own_names())


def _short_form(one: str, other: str) -> bool:
    """Whether one is the other without its domain, as `nuc` is of `nuc.lan`."""
    if _address(one) or _address(other) or ("." in one) == ("." in other):
        return False
    return one.partition(".")[0] == other.partition(".")[0]


def _host(instance: str) -> str:
    text = instance.strip().lower()
    if "://" in text:
        text = text.partition("://")[2]
    text = text.partition("/")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") <= 1:
        text = text.partition(":")[0]
    else:
        # An IPv6 address without brackets, whose port cannot be told from its last part.
        text = text if _address(text) else text.rpartition(":")[0]
    address = _address(text)
    if address is None:
        plain = text.rstrip(".")
        return _LOOPBACK if plain in _LOOPBACKS or plain.endswith(".localhost") else plain
    return _LOOPBACK if address.is_loopback or address.is_unspecified else str(address)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _own_names() -> set[str]:
    names = {socket.gethostname().lower(), socket.getfqdn().lower()}
    # A machine without a name of its own is called localhost: that would make all hosts this one.
    return (names | {name.partition(".")[0] for name in names}) - {_LOOPBACK, ""}
