"""What there is to measure: in a model folder, or at a service that runs elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import grpc

from wattscan.artifacts import find_cards, is_own
from wattscan.client.connection import Tls, metadata, options, target
from wattscan.contracts import WattscanError, split_name
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as typed
from wattscan.wire import wattscan_v1_pb2_grpc as typed_rpc

_SECONDS = 10.0

Offered = Mapping[str, Sequence[str]]
"""The variants of each task, or of each model without one."""


def in_folder(models: Path, plain: bool) -> Offered:
    """Of a model folder; `plain`: those of no clinical task. Raises: WattscanError."""
    if not plain:
        found: dict[str, list[str]] = {}
        for card in find_cards(models):
            if not card.is_own:
                found.setdefault(card.task, []).append(card.precision)
        return found
    if not models.is_dir():
        raise WattscanError(f"there is no model folder at {models}; give one with --models DIR")
    return _by_name(
        path.name
        for path in sorted(models.iterdir())
        if path.is_dir() and all(map(is_own, path.glob("**/card.json")))
    )


def at_endpoint(address: str, tls: Tls | None, token: str | None, plain: bool) -> Offered:
    """Of a service that runs. Raises: WattscanError: it does not answer."""
    told = metadata(address, token, tls)
    where, how = target(address), options(address, 1)
    with (
        grpc.insecure_channel(where, options=how)
        if tls is None
        else grpc.secure_channel(where, tls.credentials(), options=how)
    ) as channel:
        try:
            models = typed_rpc.ImagingServiceStub(channel).ListModels(
                typed.ListModelsRequest(), timeout=_SECONDS, metadata=told
            ).models  # fmt: skip
            clinical: dict[str, list[str]] = {}
            for model in models:
                clinical.setdefault(model.task, []).append(model.variant)
            if not plain:
                return clinical
            index = oip_rpc.GRPCInferenceServiceStub(channel).RepositoryIndex(
                oip.RepositoryIndexRequest(ready=True), timeout=_SECONDS, metadata=told
            )
            names = {model.identity.name for model in models}
            return _by_name(model.name for model in index.models if model.name not in names)
        except grpc.RpcError as error:
            raise WattscanError(
                f"the service at {address} cannot be measured: {error.code().name}: "
                f"{error.details()}"
            ) from None


def _by_name(names: Iterable[str]) -> Offered:
    found: dict[str, list[str]] = {}
    for name in names:
        model, variant = split_name(name)
        found.setdefault(model, []).append(variant)
    return found
