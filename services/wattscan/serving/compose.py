"""Puts the parts of a server together."""

from __future__ import annotations

import argparse
from dataclasses import replace

from prometheus_client import CollectorRegistry

from wattscan.contracts import EnergyMeter, Target
from wattscan.serving import cli, connection_options
from wattscan.serving.admission import Clients
from wattscan.serving.arrivals import Arrivals
from wattscan.serving.memory import Memory
from wattscan.serving.observations import CertificateCollector, ModelsCollector, Observations
from wattscan.serving.pipeline import Pipeline
from wattscan.serving.protocols.oip.service import InferenceService
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.serving.protocols.tfs.service import TensorFlowService
from wattscan.serving.protocols.typed import ImagingService
from wattscan.serving.repository.repository import Repository
from wattscan.serving.rpc import Dispatcher
from wattscan.serving.security.rates import RateLimit
from wattscan.serving.security.tokens import Tokens
from wattscan.serving.server import InferenceServer, ServerSettings
from wattscan.serving.tracing import Tracing, open_tracing


def make_server(
    options: argparse.Namespace,
    target: Target,
    models: Repository,
    meter: EnergyMeter,
    registry: CollectorRegistry,
) -> InferenceServer:
    """A server as the options of `wattscan serve` ask for it, not yet listening.

    Raises: WattscanError: options that do not go together, or a file that one names is wrong.
    """
    free = Memory()
    limits = replace(cli.limits(options, target), claim=free.claim)
    settings = ServerSettings(
        connections=connection_options.connections(options, target),
        max_bytes=limits.max_bytes,
        memory_left=free.left(),
        tls=cli.tls_files(options),
        tokens=_tokens(options),
        poll_seconds=options.poll,
        hang_seconds=options.hang_seconds,
    )
    observations = Observations(target, registry)
    registry.register(ModelsCollector(target, models))
    if settings.tls is not None:
        registry.register(CertificateCollector(target, settings.tls))
    pipeline = Pipeline(models, meter, observations, target.batching.queue_limit)
    memory = SharedMemory(cli.shares_memory(options), max_bytes=limits.max_bytes)
    typed, tensors = ImagingService(pipeline, limits), TensorFlowService(pipeline, limits)
    inference = InferenceService(pipeline, observations, memory)
    services = [typed.service(), inference.service(), *tensors.services()]
    rate = None if options.rate_limit is None else RateLimit(options.rate_limit)
    dispatcher = Dispatcher(
        observations,
        Clients(settings.connections.calls_of_a_client, rate, settings.tokens),
        Arrivals(settings.connections.message_seconds, limits.max_bytes, free),
        _tracing(options),
        options.log_requests == "yes",
    )
    return InferenceServer(pipeline, services, dispatcher, registry, settings)


def _tokens(options: argparse.Namespace) -> Tokens | None:
    if options.tokens is None:
        return None
    tokens = Tokens(options.tokens)
    tokens.load()
    return tokens


def _tracing(options: argparse.Namespace) -> Tracing | None:
    return None if options.otlp_endpoint is None else open_tracing(options.otlp_endpoint)
