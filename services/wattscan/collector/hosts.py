"""Whether two `instance` labels are of one machine."""

from __future__ import annotations

import socket
from contextlib import suppress

from wattscan.addresses import LOOPBACK, host_of, ip_of


def same_host(one: str, other: str) -> bool:
    """Whether two instances, `host:port` or a host alone, name one machine.

    A name without a domain is the same name in any. Every loopback and unspecified address is this
    machine, and so are the names and addresses of the machine that collects, where the other one is
    loopback.
    """
    hosts = {host_of(one), host_of(other)}
    if len(hosts) == 1 or _short_form(*hosts):
        return True
    others = hosts - {LOOPBACK}
    return LOOPBACK in hosts and (bool(hosts & _own_names()) or any(map(_is_own, others)))


def _short_form(one: str, other: str) -> bool:
    """Whether one is the other without its domain, as `nuc` is of `nuc.lan`."""
    if ip_of(one) or ip_of(other) or ("." in one) == ("." in other):
        return False
    return one.partition(".")[0] == other.partition(".")[0]


def _is_own(host: str) -> bool:
    """Whether it is an address of this machine: another machine's cannot be listened on here."""
    ip = ip_of(host)
    if ip is None:
        return False
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as tried:
        tried.bind((str(ip), 0))
        return True
    return False


def _own_names() -> set[str]:
    names = {socket.gethostname().lower(), socket.getfqdn().lower()}
    # A machine without a name of its own is called localhost: that would make all hosts this one.
    return (names | {name.partition(".")[0] for name in names}) - {LOOPBACK, ""}
