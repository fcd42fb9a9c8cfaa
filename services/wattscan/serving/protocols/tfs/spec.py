"""ModelSpec: which model, version and signature a request means, and which one has answered."""

from __future__ import annotations

from wattscan.serving.errors import NoSuchSignature, RequestRefused
from wattscan.serving.repository.repository import Repository
from wattscan.wire import tensorflow_serving_pb2 as pb

SIGNATURE = "serving_default"
"""The one that every model has."""


def named(spec: pb.ModelSpec) -> str:
    """The model's name. Raises: RequestRefused, without one."""
    if not spec.name:
        raise RequestRefused("the request names no model: set model_spec.name")
    return spec.name


def chosen(spec: pb.ModelSpec, models: Repository) -> tuple[str, int | None]:
    """The name and the version that are meant; None is the newest.

    Raises:
        RequestRefused: it has no name.
        NotServed: it has a label that the model does not know.
    """
    name = named(spec)
    if spec.WhichOneof("version_choice") == "version_label":
        return name, models.by_label(name, spec.version_label)
    return name, spec.version.value if spec.HasField("version") else None


def check_signature(spec: pb.ModelSpec) -> None:
    """Raises: NoSuchSignature."""
    if spec.signature_name not in ("", SIGNATURE):
        raise NoSuchSignature(f"models here have one signature: leave it empty, or {SIGNATURE}")


def answered(name: str, version: int, signature: str = "") -> pb.ModelSpec:
    """What a response says of the model."""
    spec = pb.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version
    return spec
