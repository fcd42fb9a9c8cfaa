"""What recordings drawn at random are like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

START = 1_795_000_000.0
TASK, VARIANTS = "brain-mri", ("fp32", "int8")
TARGET = {"target": "made", "instance": "made:8002", "job": "wattscan-target"}
RUN = {"run": "made", "instance": "driver:8003", "job": "wattscan-loadgen"}
SENSOR = {"sensor": "meter"}


@dataclass(frozen=True)
class Truth:
    """Joules of an image, by variant: the mean of what the repeats are drawn from."""

    gross: Mapping[str, float]
    net: Mapping[str, float]

    def ratio(self, kind: str) -> float:
        """FP32 over INT8."""
        joules = getattr(self, kind)
        return joules["fp32"] / joules["int8"]


@dataclass(frozen=True)
class Draw:
    """What one recording is like. Times in seconds, powers in watts, `noise` and `drift` in
    relative units; `clock` is the generator's less the recorder's, at the start of the run.

    `late` is by how much the target's pages are late under load, `quantum` the joules in which its
    counter counts, `losses` how often the sensor is lost for a moment, at a phase's edge. `gain` is
    by what the sensor multiplies, drawn where it is None; `machine` is told by the service.
    """

    profile: str = "standard"
    scrape: float = 1.0
    generator_scrape: float = 5.0
    method: str = "counter"
    reading: float = 0.1
    renewal: float = 0.001
    scope: str = "system"
    ages: bool = True
    pages: bool = True
    clock: float = 0.0
    clock_drift: float = 0.0
    clock_step: float = 0.0
    latency: float = 0.003
    idle: float = 40.0
    warmup: float = 1.0
    load: Mapping[str, float] = field(default_factory=lambda: {"fp32": 140.0, "int8": 100.0})
    noise: Mapping[str, float] = field(default_factory=lambda: {"fp32": 0.01, "int8": 0.01})
    flutter: float = 0.03
    drift: float = 0.0
    uncertainty: float = 0.01
    rate: Mapping[str, float] = field(default_factory=lambda: {"fp32": 20.0, "int8": 40.0})
    gaps: int = 0
    late: float = 0.0
    quantum: float = 0.0
    losses: int = 0
    gain: float | None = None
    machine: str = ""


def faultless(rng: np.random.Generator) -> Draw:
    """A run that nothing is wrong with, scraped at 1 s."""
    idle, step = rng.uniform(5, 60), rng.uniform(10, 150)
    return Draw(
        profile=str(rng.choice(["standard", "standard", "formal"])),
        scrape=1.0,
        generator_scrape=float(rng.choice([1.0, 5.0])),
        method=str(rng.choice(["counter", "integrated"])),
        reading=0.1,
        renewal=float(rng.choice([0.001, 0.02, 0.1])),
        clock=rng.normal(0, 2.0),
        idle=idle,
        warmup=rng.uniform(0.95, 1.05),
        load={"fp32": idle + step, "int8": idle + step * rng.uniform(0.3, 1.0)},
        noise={variant: 10 ** rng.uniform(-3, -1.9) for variant in VARIANTS},
        drift=rng.uniform(-0.01, 0.01),
        uncertainty=float(rng.choice([0.005, 0.01, 0.02])),
    )


def anything(rng: np.random.Generator) -> Draw:
    """A run such as somebody may have, with what may be wrong with it."""
    idle, step = rng.uniform(2, 80), rng.uniform(3, 200)
    fault = rng.random()
    return Draw(
        profile=str(rng.choice(["standard", "standard", "formal"])),
        scrape=float(rng.choice([1.0, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0])),
        generator_scrape=float(rng.choice([1.0, 5.0, 15.0])),
        method=str(rng.choice(["counter", "counter", "integrated"])),
        reading=float(rng.choice([0.1, 0.1, 0.5, 1.0, 2.0, 8.0, 20.0])),
        renewal=float(rng.choice([0.001, 0.1, 0.1, 1.0, 10.0])),
        ages=bool(rng.random() < 0.9),
        pages=bool(rng.random() < 0.9),
        clock=rng.normal(0, 5.0) if rng.random() < 0.5 else 0.0,
        clock_drift=rng.normal(0, 100e-6) if fault < 0.2 else 0.0,
        clock_step=rng.normal(0, 2.0) if 0.2 < fault < 0.3 else 0.0,
        latency=10 ** rng.uniform(-3, -1.5),
        idle=idle,
        warmup=rng.uniform(0.7, 1.3),
        load={"fp32": idle + step, "int8": idle + step * rng.uniform(0.2, 1.2)},
        noise={variant: 10 ** rng.uniform(-3.5, -1.6) for variant in VARIANTS},
        flutter=10 ** rng.uniform(-2, -1),
        drift=rng.uniform(-0.03, 0.03),
        uncertainty=float(rng.choice([0.005, 0.01, 0.02, 0.05])),
        rate={variant: rng.uniform(5, 80) for variant in VARIANTS},
        gaps=int(rng.choice([0, 0, 0, 1, 4])),
        late=float(rng.choice([0.0, 0.0, 0.0, 0.0, 0.1, 0.4])),
        quantum=float(rng.choice([0.0, 0.0, 0.0, 0.0, 1.0, 36.0])),
        losses=int(rng.choice([0, 0, 0, 0, 1, 3])),
    )
