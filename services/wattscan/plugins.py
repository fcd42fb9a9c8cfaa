"""The only loader: a plug-in is found by the name of its module, and imported when it is used."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, cast

from wattscan.contracts import Backend, EngineAbsent, Format, SensorModule, Task, WattscanError


def names(kind: str) -> list[str]:
    """The plug-ins of a kind (`backends`, `sensors`, `tasks`), sorted, as a user writes them."""
    package = importlib.import_module(f"wattscan.{kind}")
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(package.__path__))


def task(name: str) -> Task:
    """The task of that name. Raises: WattscanError."""
    loaded: Task = _module("tasks", name).TASK
    return loaded


def backend(name: str) -> Backend:
    """The backend of that name. Raises: WattscanError."""
    return cast(Backend, _module("backends", name))


def formats(name: str, settings: Mapping[str, Any]) -> tuple[Format, ...]:
    """The formats that a backend reads with these settings, the best first."""
    found = backend(name)
    tell = getattr(found, "formats", None)
    return (found.FORMAT,) if tell is None else tuple(tell(settings))


def engine_version(name: str) -> str:
    """The version of a backend's engine; empty where no package tells it. Raises: WattscanError."""
    for distribution in getattr(backend(name), "DISTRIBUTIONS", ()):
        with suppress(PackageNotFoundError):
            return version(distribution)
    return ""


def sensor(name: str) -> SensorModule:
    """The sensor module of that name. Raises: WattscanError."""
    return cast(SensorModule, _module("sensors", name))


def _module(kind: str, name: str) -> ModuleType:
    known = names(kind)
    if name.replace("_", "-") not in known:
        raise WattscanError(
            f"there is no {kind[:-1]} called {name!r}; there is: {', '.join(known)}"
        )
    return importlib.import_module(f"wattscan.{kind}.{name.replace('-', '_')}")


def sdk(module: str, extra: str) -> ModuleType:
    """Import a plug-in's SDK, or say which extra to install. Raises: EngineAbsent."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineAbsent(
            f"{module} is not installed: pip install 'wattscan[{extra}]' ({error})"
        ) from None
