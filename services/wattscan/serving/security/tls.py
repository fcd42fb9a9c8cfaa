"""TLS and mutual TLS, from files that are read again when they change."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc

from wattscan.contracts import WattscanError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TlsFiles:
    """PEM files. With `client_ca`, a client must show a certificate that it has signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def _paths(self) -> list[Path]:
        return [p for p in (self.certificate, self.key, self.client_ca) if p is not None]

    def check(self) -> None:
        """Are they there, PEM, and do key and certificate belong together? gRPC's own failure says
        none of it. Raises: WattscanError."""
        for path in self._paths():
            if b"-----BEGIN " not in _read(path):
                raise WattscanError(f"{path} is not a PEM file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Without a password, a locked key would have OpenSSL ask on the terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, ValueError):
            raise WattscanError(
                f"{self.key} is not the private key of {self.certificate}, is locked with a "
                "password, or one of them is broken"
            ) from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError:
                raise WattscanError(f"{self.client_ca} has no certificate in it") from None

    def credentials(self) -> grpc.ServerCredentials:
        """For a gRPC port. A renewed certificate is taken at the next connection.

        Raises: WattscanError.
        """
        self.check()
        stamp = self._stamp()
        told: tuple[int, ...] = ()

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal stamp, told
            now = self._stamp()
            if now == stamp:
                return None
            try:
                self.check()
                configuration = self._configuration()
            except (OSError, WattscanError) as error:
                if now != told:
                    log.error("the certificate is not renewed, the old one stays: %s", error)
                told = now
                return None
            stamp = now
            log.info("the certificate was renewed")
            return configuration

        # The stubs do not know that None stands for: as before.
        fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", renewed)
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), fetch, require_client_authentication=bool(self.client_ca)
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (_read(self.key), _read(self.certificate))
        roots = _read(self.client_ca) if self.client_ca is not None else None
        return grpc.ssl_server_certificate_configuration([pair], roots)

    def _stamp(self) -> tuple[int, ...]:
        """A file that is missing for the moment, as while it is replaced, counts as another one."""
        return tuple(p.stat().st_mtime_ns if p.exists() else 0 for p in self._paths())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WattscanError(f"the TLS file {path} cannot be read: {error.strerror}") from None
