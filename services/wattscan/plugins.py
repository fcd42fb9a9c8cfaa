"""The only loader: a plug-in is found by its name, and imported when it is used.

Those of this package are modules of `backends`, `sensors` and `tasks`; those of other packages are
entry points of the groups `wattscan.backends`, `wattscan.sensors` and `wattscan.tasks`, each of
which names a module (docs/plugins.md).
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from types import ModuleType
from typing import Any, cast

from wattscan.contracts import (
    Backend,
    EngineAbsent,
    Format,
    SensorModule,
    Task,
    WattscanError,
    last_line,
)

log = logging.getLogger(__name__)

_REQUIRED = {"backends": ("FORMAT", "open_engine"), "sensors": ("find",), "tasks": ("TASK",)}


def names(kind: str) -> list[str]:
    """The plug-ins of a kind (`backends`, `sensors`, `tasks`), sorted, as a user writes them."""
    return sorted({*_own(kind), *_installed(kind)})


def usable(kind: str) -> list[str]:
    """Those of them that can be loaded. One of another package that cannot is told in the log, and
    disturbs no other."""
    return [name for name in names(kind) if _is_usable(kind, name)]


@cache
def _is_usable(kind: str, name: str) -> bool:
    try:
        _module(kind, name)
    except WattscanError as error:
        log.warning("%s", error)
        return False
    return True


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


@cache
def _own(kind: str) -> frozenset[str]:
    package = importlib.import_module(f"wattscan.{kind}")
    return frozenset(_spelled(module.name) for module in pkgutil.iter_modules(package.__path__))


@cache
def _installed(kind: str) -> Mapping[str, Sequence[EntryPoint]]:
    """Those of other packages, by name: more than one where several packages have one of a name."""
    found: dict[str, list[EntryPoint]] = {}
    try:
        points = entry_points(group=f"wattscan.{kind}")
    except Exception as error:  # some package's metadata is damaged
        log.warning("plug-ins of other packages are not found: %s", last_line(error))
        return found
    for point in points:
        found.setdefault(_spelled(point.name), []).append(point)
    return found


def _spelled(name: str) -> str:
    return name.replace("_", "-")


def _module(kind: str, name: str) -> ModuleType:
    spelled = _spelled(name)
    if spelled in _own(kind):
        _tell_hidden(kind, spelled)
        return importlib.import_module(f"wattscan.{kind}.{spelled.replace('-', '_')}")
    points = _installed(kind).get(spelled, ())
    if len(points) > 1:
        raise WattscanError(
            f"several {kind} are called {spelled!r}, of {' and '.join(map(_package, points))}: "
            "uninstall one of these packages, or have its plug-in renamed"
        )
    if not points:
        raise WattscanError(
            f"there is no {kind[:-1]} called {name!r}; there is: {', '.join(names(kind))}"
        )
    return _load(kind, points[0])


@cache
def _tell_hidden(kind: str, name: str) -> None:
    for point in _installed(kind).get(name, ()):
        log.warning(
            "the %s %r of the package %s is not used: Wattscan has one of this name",
            *(kind[:-1], name, _package(point)),
        )


def _load(kind: str, point: EntryPoint) -> ModuleType:
    what = f"the {kind[:-1]} {_spelled(point.name)!r} of the package {_package(point)}"
    try:
        module = point.load()
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise WattscanError(
            f"{what} cannot be loaded: {type(error).__name__}: {last_line(error)}"
        ) from None
    missing = [name for name in _REQUIRED[kind] if not hasattr(module, name)]
    if missing:
        raise WattscanError(
            f"{what} has no {' and no '.join(missing)}: its entry point, {point.value}, must name "
            "a module that has (docs/plugins.md)"
        )
    return cast(ModuleType, module)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown package"


def sdk(module: str, extra: str) -> ModuleType:
    """Import a plug-in's SDK, or say which extra to install. Raises: EngineAbsent."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineAbsent(
            f"{module} is not installed: pip install 'wattscan[{extra}]' ({error})"
        ) from None
