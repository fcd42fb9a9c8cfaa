"""The service's log: for people, or one JSON object a line for programs."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import time

_FIELDS = (
    "request_id", "trace_id", "protocol", "task", "precision", "code", "seconds",
)  # fmt: skip


class TextFormatter(logging.Formatter):
    """`time LEVEL name: message [request]`, with an exception's type instead of its text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        request = getattr(record, "request_id", "")
        return super().format(_without_words(record)) + (f" [{request}]" if request else "")


class JsonFormatter(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger and message, and a request's fields where it has any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON. Of an exception only its type: its text may quote a client."""
        exception = _exception(record)
        record = _without_words(record)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {f: getattr(record, f) for f in _FIELDS if getattr(record, f, "") != ""}
        if exception:
            entry["exception"] = exception
        return json.dumps(entry)


def _exception(record: logging.LogRecord) -> str:
    return record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""


def _without_words(record: logging.LogRecord) -> logging.LogRecord:
    """The record without an exception's text. gRPC's own log has that in the message as well, so
    of a library's message about an exception only the exception's type is kept."""
    exception = _exception(record)
    if not exception:
        return record
    own = record.name.partition(".")[0] == "wattscan"
    clean = logging.makeLogRecord(record.__dict__)
    clean.msg = f"{record.getMessage()}: {exception}" if own else f"the library failed: {exception}"
    clean.args, clean.exc_info, clean.exc_text, clean.stack_info = None, None, None, None
    return clean


def configure(kind: str) -> None:
    """Write the log of this process as `text` or `json`.

    A log that cannot be written, as on a full disk, must not end what it tells of.
    """
    logging.raiseExceptions = False
    formatter = JsonFormatter() if kind == "json" else TextFormatter()
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter)


def private_stderr() -> None:
    """From now on only Python writes to this process's standard error.

    Decoders in C write there as they like: libjpeg quotes the first bytes of a frame, a C++ runtime
    the text of an exception. What they write is lost; a crash still tells Python's stacks where
    faulthandler is enabled.
    """
    sys.stderr.flush()
    own = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            handler.setStream(own)
    sys.stderr = own
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    if faulthandler.is_enabled():
        faulthandler.enable(own)
