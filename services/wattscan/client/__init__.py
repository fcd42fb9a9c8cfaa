"""Clients of a Wattscan service: images and arrays in, arrays and a receipt out."""

from wattscan.client.answers import (
    Classification,
    Inference,
    Receipt,
    RequestFailed,
    Segmentation,
    ServedModel,
)
from wattscan.client.async_client import AsyncClient
from wattscan.client.clients import Client
from wattscan.client.connection import Tls

__all__ = [
    "AsyncClient",
    "Classification",
    "Client",
    "Inference",
    "Receipt",
    "RequestFailed",
    "Segmentation",
    "ServedModel",
    "Tls",
]
