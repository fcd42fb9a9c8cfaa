"""When a certificate expires.

Python's `ssl` tells that of a peer's certificate, once it is verified, and of no file's.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone

from wattscan.contracts import WattscanError

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# Identifiers of ASN.1's types in DER (ITU-T X.690); UTCTime and GeneralizedTime are times.
_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x17, 0x18
_LONG = 0x80


def expiry(pem: bytes) -> float:
    """Unix time at which the first certificate of a PEM file expires.

    Raises: WattscanError: there is none, or it is damaged.
    """
    found = _PEM.search(pem)
    try:
        if found is None:
            raise ValueError
        whole = next(_fields(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))))[1]
        signed = next(_fields(whole))[1]
        # RFC 5280, 4.1: of what is signed, the one sequence that begins with a time.
        for kind, content in _fields(signed):
            if kind == _SEQUENCE and content[:1] in (b"\x17", b"\x18"):
                _, (kind_of_time, text) = _fields(content)
                return _unix_time(kind_of_time, text.decode("ascii"))
        raise ValueError
    except (ValueError, IndexError, StopIteration):
        raise WattscanError("the file has no certificate in it, or a damaged one") from None


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Identifier and content of each of the values that stand in a row."""
    at = 0
    while at < len(data):
        kind, length, at = data[at], data[at + 1], at + 2
        if length & _LONG:
            digits = length & ~_LONG
            length, at = int.from_bytes(data[at : at + digits], "big"), at + digits
        yield kind, data[at : at + length]
        at += length


def _unix_time(kind: int, text: str) -> float:
    """RFC 5280, 4.1.2.5: both kinds end in Z; a year of two digits is from 1950 to 2049."""
    if kind == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
