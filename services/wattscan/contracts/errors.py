"""What can go wrong, for those who can act on it."""

from __future__ import annotations


class WattscanError(Exception):
    """A failure that its reader can act on: one sentence, no traceback, exit code 2."""


def last_line(error: BaseException) -> str:
    """Where a runtime tells a whole stack, what was wrong stands last; its type if it is silent."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def printable(text: str) -> str:
    """For a terminal, on which what a device or a file calls itself must not be a command."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class EngineAbsent(WattscanError):
    """A runtime, or the device that it needs, is not on this machine; the text says which."""


class EngineUnfit(WattscanError):
    """A runtime that would compute this model wrongly; another one may not."""


class InvalidImage(WattscanError):
    """The bytes cannot be read as an image. The text never holds a value of a header."""


class ImageTooLarge(InvalidImage):
    """The image is over the limit on bytes or pixels."""


class SensorAbsent(Exception):
    """The sensor is not on this machine; the text says why. Absent is not failed.

    `awaited`: the target's TOML says where it is, so that it may come yet.
    """

    def __init__(self, reason: str, awaited: bool = False) -> None:
        super().__init__(reason)
        self.awaited = awaited


class SensorFailed(Exception):
    """A sensor that is there could not be read. `reason` is a short word for the error counter."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
