"""The `/metrics` page of a busy service with three tasks in two variants, without its engines."""

from collections import Counter
from collections.abc import Iterable
from typing import cast

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import Metric

from wattscan import contracts, plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import EnergyReading, Method, ModelFile, SensorChoice, TemperatureReading
from wattscan.installation import models_folder
from wattscan.metrics import GROUPS
from wattscan.serving.batching.batcher import Batcher
from wattscan.serving.observations import Answered, ModelsCollector, Observations
from wattscan.serving.repository.config import ModelConfig
from wattscan.serving.repository.loaded import Clinical, LoadedModel
from wattscan.serving.repository.repository import Repository
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.proof import SensorEvidence
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Celsius, Joules

STAGES = ("decode", "preprocess", "queue", "infer", "postprocess", "total")
CODES = ("OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")
PROTOCOLS = ("wattscan.v1", "oip", "tfs")
DOMAINS = ("package-0", "dram")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Packages:
    """A package and its memory, 40 W each."""

    name, uncertainty_ratio = "rapl", 0.05
    method: Method = "counter"

    def __init__(self, clock):
        self.clock = clock

    def read_energy(self):
        count = Joules(40 * self.clock())
        return [EnergyReading(domain, "chip", count, Joules(1e6)) for domain in DOMAINS]


class Engine:
    provider = "cpu"


class Zones:
    name = "hwmon"

    def read_temperature(self):
        return [TemperatureReading(zone, Celsius(47.0)) for zone in ("Package id 0", "Tctl")]


def registry() -> CollectorRegistry:
    """What a page is made of. It has a sensor of two domains, another of two zones, every protocol,
    and four statuses of each."""
    disable_created_metrics()
    target, made, clock = load_target("cpu"), CollectorRegistry(), Clock()
    ledger = Ledger(clock)
    sensors = [
        FoundSensor(each, SensorChoice(each.name, {}), SensorEvidence(frozenset(DOMAINS)))
        for each in (Packages(clock), Zones())
    ]
    sampler = Sampler(sensors, target.sample_interval, ledger, clock)
    sampler.tick()
    made.register(TelemetryCollector(target, sampler, ledger))
    models = [_model(card, target) for card in find_cards(models_folder())]
    made.register(ModelsCollector(target, cast(Repository, models)))
    observations = Observations(target, made)
    for model in models:
        _answer(model, observations, ledger)
    clock.now += 0.1
    sampler.tick()
    return made


def _model(card, target):
    clinical = Clinical(plugins.task(card.task), card)
    return LoadedModel(
        card.name, 1, ModelConfig(target.batching), "onnxruntime", ModelFile("onnx", None, "abc"),
        clinical, [cast(contracts.Engine, Engine())], Batcher([], target.batching), (), (), True,
    )  # fmt: skip


def _answer(model, observations, ledger):
    for outcome in (True, False):
        account = ledger.open(*model.labels)
        account.start()
        account.close(ok=outcome)
    seconds = dict.fromkeys(STAGES, 0.003)
    # One in each bucket of the total: each has an exemplar.
    for step in range(60):
        taken = {**seconds, "total": 0.00009 * 1.25**step}
        observations.computed(Answered(model.labels, taken, 1, 2, 0.5, TRACE))
    for protocol in PROTOCOLS:
        for code in CODES:
            observations.finished(*model.labels, protocol, code)


def series(collected: Iterable[Metric]) -> dict[str, int]:
    """Family, by its name in the contract -> its series on the page."""
    names = {
        metric.name.removesuffix("_total"): metric.name for g in GROUPS.values() for metric in g
    }
    counts = Counter()
    for family in collected:
        counts[names[family.name.removesuffix("_total")]] += len(family.samples)
    return {name: count for name, count in counts.items() if count}
