"""Bearer tokens from a file, and what each may do."""

from __future__ import annotations

import hmac
import logging
import os
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from wattscan.contracts import WattscanError
from wattscan.serving.errors import Forbidden, Unauthenticated
from wattscan.serving.file_stamp import FileStamp, stamp

Role = Literal["infer", "admin"]
_ROLES = ("infer", "admin")
_MIN_LENGTH = 16
_RELOAD_SECONDS = 1.0
_BEARER = "bearer "
_OTHERS = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenOwner:
    """Who a token belongs to. An admin may do all that the role `infer` may."""

    name: str
    role: Role


class Tokens:
    """The clients of a file, read again when it changes. Thread-safe.

    A line a client: its name, its role (`infer` or `admin`) and its token, with blanks between
    them; a word that begins with `#` begins a comment. The file must not be open to others: to the
    group only where it is by the group that this process reads it, as of a Kubernetes Secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: list[tuple[bytes, TokenOwner]] = []
        self._stamp: FileStamp | None = None
        self._looked = 0.0

    def load(self) -> None:
        """Read the file. Raises: WattscanError, naming the line that is wrong, not its token."""
        try:
            now = stamp(self._path)
            found = self._path.stat()
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise WattscanError(f"the token file {self._path} cannot be read: {why}") from None
        if _open_to(found):
            raise WattscanError(
                f"the token file {self._path} can be read or written by others: "
                f"chmod 600 {self._path}"
            )
        known = _parse(self._path, text)
        with self._lock:
            self._known = known
            self._stamp = now

    def check(self, authorization: str, role: Role) -> TokenOwner:
        """Who sends this `authorization` header, if it may do what needs the role.

        Every token is compared, each in constant time, so that an answer's time tells nothing.

        Raises: Unauthenticated, Forbidden.
        """
        self._reload()
        if not authorization.lower().startswith(_BEARER):
            raise Unauthenticated("send a token as metadata, authorization: Bearer TOKEN")
        given = authorization[len(_BEARER) :].strip().encode()
        found: TokenOwner | None = None
        for token, client in self._known:
            if hmac.compare_digest(token, given):
                found = client
        if found is None:
            raise Unauthenticated("the token is not known here")
        if role == "admin" and found.role != "admin":
            raise Forbidden("this call needs a token with the role admin")
        return found

    def _reload(self) -> None:
        """Take in a changed file; one that cannot be read leaves the old tokens valid."""
        now = time.monotonic()
        with self._lock:
            if now - self._looked < _RELOAD_SECONDS:
                return
            self._looked = now
        try:
            if stamp(self._path) == self._stamp:
                return
            self.load()
        except (OSError, WattscanError) as error:
            log.error("the token file is not reloaded, the old tokens stay: %s", error)
        else:
            log.info("the token file was reloaded: %d clients", len(self._known))


def _words(line: str) -> list[str]:
    words = line.split()
    comment = [place for place, word in enumerate(words) if word.startswith("#")]
    return words[: comment[0]] if comment else words


def _open_to(found: os.stat_result) -> int:
    """The permissions that let somebody else read or write the file; 0: none."""
    is_own = found.st_uid == os.geteuid()
    is_by_group = not is_own and found.st_gid in (os.getegid(), *os.getgroups())
    return found.st_mode & (_OTHERS & ~stat.S_IRGRP if is_by_group else _OTHERS)


def _parse(path: Path, text: str) -> list[tuple[bytes, TokenOwner]]:
    known: list[tuple[bytes, TokenOwner]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        if not words:
            continue
        if len(words) != 3 or words[1] not in _ROLES or len(words[2]) < _MIN_LENGTH:
            raise WattscanError(
                f"line {number} of the token file {path} is not: NAME infer|admin TOKEN "
                f"(of {_MIN_LENGTH} characters at least)"
            )
        known.append((words[2].encode(), TokenOwner(words[0], cast(Role, words[1]))))
    if not known:
        raise WattscanError(f"the token file {path} has no token in it")
    if len({token for token, _ in known}) < len(known):
        raise WattscanError(f"the token file {path} gives one token to two clients")
    return known
