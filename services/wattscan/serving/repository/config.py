"""`model.toml`: how a model is to be served. Every key has a default, and so has the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wattscan.contracts import Agreement, Batching, Quality, WattscanError
from wattscan.settings import batching, check_keys, number, read_toml, text, whole_number

CONFIG = "model.toml"
_KEYS = {
    "title", "precision", "backend", "batching", "version_policy", "version_labels", "warm_up",
    "finite_inputs", "agreement", "quality",
}  # fmt: skip


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the numbered versions are served: so many of the newest (None: all of them), or
    the ones named."""

    latest: int | None = 1
    specific: tuple[int, ...] = ()

    def choose(self, versions: list[int]) -> list[int]:
        """Of the versions that are there, those to serve, ascending."""
        if self.specific:
            return sorted(set(versions) & set(self.specific))
        return sorted(versions) if self.latest is None else sorted(versions)[-self.latest :]


@dataclass(frozen=True)
class ModelConfig:
    """What a model's TOML says.

    `backend` is the name of a backend, or "" for the target's; `labels` are TensorFlow Serving's
    version labels; `warm_up` has the shapes to warm inputs up with whose size is open;
    `sets_batch`: the TOML says how many images an engine takes at once; `finite_inputs`: no input
    has a NaN, so that an engine need not keep one; `agreement` with another variant and `quality`
    are what was measured of the file before it was put here.
    """

    batching: Batching
    sets_batch: bool = False
    title: str = ""
    precision: str = ""
    backend: str = ""
    backend_settings: Mapping[str, Any] = field(default_factory=dict)
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)
    warm_up: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    finite_inputs: bool = False
    agreement: tuple[Agreement, ...] = ()
    quality: tuple[Quality, ...] = ()


def read_config(folder: Path, default: Batching) -> ModelConfig:
    """The model's configuration; the defaults where it has no TOML.

    Raises:
        WattscanError: it cannot be read, or a value in it is wrong.
    """
    path = folder / CONFIG
    if not path.exists():
        return ModelConfig(default)
    data = read_toml(path, str(path))
    try:
        return _config(data, default)
    except WattscanError as error:
        raise WattscanError(f"{path} is wrong: {error}") from None


def _config(data: Mapping[str, Any], default: Batching) -> ModelConfig:
    check_keys(data, _KEYS)
    settings = dict(_table(data, "backend"))
    return ModelConfig(
        batching=batching(data.get("batching", {}), default),
        sets_batch="max_batch_size" in data.get("batching", {}),
        title=_text(data, "title"),
        precision=_text(data, "precision"),
        backend=_text({"backend.name": settings.pop("name", "")}, "backend.name"),
        backend_settings=settings,
        policy=_policy(_table(data, "version_policy")),
        labels={
            label: whole_number(_table(data, "version_labels"), label, 0)
            for label in _table(data, "version_labels")
        },
        warm_up={name: _shape(name, value) for name, value in _table(data, "warm_up").items()},
        finite_inputs=_flag(data, "finite_inputs"),
        agreement=tuple(map(_agreement, _tables(data, "agreement"))),
        quality=tuple(map(_quality, _tables(data, "quality"))),
    )


def _agreement(entry: Mapping[str, Any]) -> Agreement:
    check_keys(entry, {"metric", "value", "reference", "inputs"})
    names = (text(entry, name) for name in ("metric", "reference", "inputs"))
    metric, reference, inputs = names
    return Agreement(metric, number(entry, "value"), reference, inputs)


def _quality(entry: Mapping[str, Any]) -> Quality:
    check_keys(entry, {"metric", "value", "dataset"})
    value = number(entry, "value")
    if value > 1:
        raise WattscanError(f"quality.value must be between 0 and 1, not {value:g}")
    return Quality(text(entry, "metric"), text(entry, "dataset"), value)


def _tables(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    tables = data.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise WattscanError(f"{key} must be tables, each under [[{key}]]")
    return tables


def _flag(data: Mapping[str, Any], key: str) -> bool:
    if not isinstance(data.get(key, False), bool):
        raise WattscanError(f"{key} must be true or false")
    return bool(data.get(key, False))


def _policy(table: Mapping[str, Any]) -> VersionPolicy:
    if len(table) > 1 or set(table) - {"latest", "all", "specific"}:
        raise WattscanError("version_policy must have one of latest, all and specific")
    if "all" in table:
        if table["all"] is not True:
            raise WattscanError("version_policy.all can only be true")
        return VersionPolicy(latest=None)
    if "specific" in table:
        return VersionPolicy(specific=_shape("version_policy.specific", table["specific"]))
    return VersionPolicy(latest=whole_number(table, "latest", 1))


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise WattscanError(f"{key} must be a table")
    return table


def _text(data: Mapping[str, Any], key: str) -> str:
    text = data.get(key, "")
    if not isinstance(text, str):
        raise WattscanError(f"{key} must be a text")
    return text


def _shape(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise WattscanError(f"{name} must be a list of whole numbers")
    return tuple(whole_number({name: size}, name, 0) for size in value)
