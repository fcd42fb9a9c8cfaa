"""TLS and mutual TLS, from files that are read again when they change."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import grpc

from wattscan.contracts import WattscanError
from wattscan.serving.file_stamp import FileStamp, stamp
from wattscan.serving.security.certificate import expiry

log = logging.getLogger(__name__)

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class TlsFiles:
    """PEM files. With `client_ca`, a client must show a certificate that it has signed.

    Raises: WattscanError, if they cannot be read or do not belong together.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        # Here, before anything listens.
        self.context()

    def credentials(self) -> grpc.ServerCredentials:
        """For a gRPC port. A renewed certificate is taken at the next connection."""
        renewal = Renewal(self)
        # The stubs do not know that None stands for: as before.
        fetch = cast(
            "Callable[[], grpc.ServerCertificateConfiguration]",
            lambda: renewal.take(self._configuration),
        )
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), fetch, require_client_authentication=bool(self.client_ca)
        )

    def context(self) -> ssl.SSLContext:
        """What a port needs. Raises: WattscanError."""
        for path in self._paths():
            if b"-----BEGIN " not in _read(path):
                raise WattscanError(f"{path} is not a PEM file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Each renegotiation would cost the server more than the client who asks for it.
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            # Without a password, OpenSSL would ask on the terminal for one of a locked key.
            context.load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, ValueError):
            raise WattscanError(
                f"{self.key} is not the private key of {self.certificate}, or it is locked with a "
                "password, or one of them is broken"
            ) from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError:
                raise WattscanError(f"{self.client_ca} has no certificate in it") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def expiry(self) -> float:
        """Unix time at which the server's own certificate expires, the first of its chain.

        Raises: WattscanError.
        """
        return expiry(_read(self.certificate))

    def stamps(self) -> tuple[FileStamp | None, ...]:
        """Other files have another one. One that is missing for a moment, as while it is replaced,
        counts as changed."""
        return tuple(stamp(path) if path.exists() else None for path in self._paths())

    def _paths(self) -> list[Path]:
        return [p for p in (self.certificate, self.key, self.client_ca) if p is not None]

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (_read(self.key), _read(self.certificate))
        roots = _read(self.client_ca) if self.client_ca is not None else None
        return grpc.ssl_server_certificate_configuration([pair], roots)


class Renewal:
    """Notices that the files have changed; what is broken is logged once, and the old stays."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._taken = self._seen = files.stamps()

    def take(self, make: Callable[[], _Made]) -> _Made | None:
        """What `make` makes of the changed files, or None if there is nothing new to take."""
        now = self._files.stamps()
        if now == self._taken:
            return None
        try:
            self._files.context()
            made = make()
        except (OSError, WattscanError) as error:
            if now != self._seen:
                log.error("the certificate is not renewed, the old one stays: %s", error)
            self._seen = now
            return None
        self._taken = self._seen = now
        log.info("the certificate was renewed")
        return made


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WattscanError(f"the TLS file {path} cannot be read: {error.strerror}") from None
