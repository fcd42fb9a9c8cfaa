"""The tables of `docs/serving.md`: image files, options, methods with their roles, statuses."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from page_table import table
from picture_files import CASES
from wattscan.contracts import Limits
from wattscan.serving import cli, errors
from wattscan.serving.protocols.oip.service import InferenceService
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.serving.protocols.tfs.service import TensorFlowService
from wattscan.serving.protocols.typed import ImagingService

_BESIDE = [
    ("INVALID_ARGUMENT", "The bytes are no image, or one over a limit."),
    ("RESOURCE_EXHAUSTED", "The message is larger than --max-bytes and 1 MiB."),
    ("RESOURCE_EXHAUSTED", "The headers are larger than --max-metadata-bytes."),
    ("INTERNAL", "A bug, or an engine that failed; the log has its type and place."),
]


def tables() -> str:
    """All of them, each with its heading."""
    parts = {
        "Image files": _images(),
        "Options": _options(),
        "Methods": _methods(),
        "Statuses": _statuses(),
    }
    return "\n".join(f"\n## {title}\n\n{text}\n" for title, text in parts.items())


def _images() -> str:
    heading = ("file", "what is read, or why it is refused")
    rows: dict[str, list[tuple[str, str]]] = {}
    for case in CASES:
        what = f'refused: "... {case.refused} ..."' if case.refused else case.how
        rows.setdefault(case.group, []).append((case.kind, what))
    about = "Each line is a case of the tests (`tests/picture_files.py`)."
    tables = (f"### {group}\n\n{table(heading, each)}" for group, each in rows.items())
    return "\n\n".join((about, *tables))


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
        *TensorFlowService(nothing, Limits()).services(),
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
