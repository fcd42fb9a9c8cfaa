"""The tables of `docs/serving.md`: options, methods with their roles, statuses."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from unittest import mock

from page_table import table
from wattscan.contracts import Limits
from wattscan.serving import cli, errors
from wattscan.serving.protocols.oip.service import InferenceService
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.serving.protocols.tfs.service import TensorFlowServing
from wattscan.serving.protocols.typed import ImagingService

_BESIDE = [
    ("INVALID_ARGUMENT", "The bytes are no image, or one over a limit."),
    ("RESOURCE_EXHAUSTED", "The message is larger than --max-bytes and 1 MiB."),
    ("RESOURCE_EXHAUSTED", "The headers are larger than 16 KiB, or too many calls are open."),
    ("INTERNAL", "A bug, or an engine that failed; the log has its type and place."),
]


def tables() -> str:
    """All of them, each with its heading."""
    parts = {"Options": _options(), "Methods": _methods(), "Statuses": _statuses()}
    return "\n".join(f"\n## {title}\n\n{text}\n" for title, text in parts.items())


def _options() -> str:
    parser = argparse.ArgumentParser()
    with mock.patch.dict(os.environ, clear=True):
        cli.add_serve_arguments(parser)
    rows = []
    for action in parser._actions[1:]:  # argparse has no public way to them; the first is --help
        flag = action.option_strings[0]
        value = "\\|".join(action.choices) if action.choices else action.metavar or ""
        name = f"WATTSCAN_{action.dest.upper()}"
        meaning = (action.help or "").replace("|", "\\|")
        rows.append((f"`{flag}{' ' if value else ''}{value}`", f"`{name}`", meaning))
    return table(("option", "environment variable", "meaning"), rows)


def _methods() -> str:
    # Their methods are named without a pipeline behind them.
    nothing = mock.Mock()
    services = [
        ImagingService(nothing, Limits()).service(),
        InferenceService(nothing, nothing, SharedMemory(enabled=False)).service(),
        *TensorFlowServing(nothing, Limits()).services(),
    ]
    rows = []
    for service in services:
        for role in ("infer", "admin"):
            names = [name for name, method in service.methods.items() if method.role == role]
            if names:
                rows.append((f"`{service.name}`", role, ", ".join(names)))
    return table(("service", "role", "methods"), rows)


def _statuses() -> str:
    rows = [(kind.status.name, (kind.__doc__ or "").strip()) for kind in _kinds()]
    return table(("status", "when"), sorted([*rows, *_BESIDE]))


def _kinds() -> Iterator[type[errors.RequestRefused]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, errors.RequestRefused) and kind is not errors.Retryable:
            yield kind
