"""Who is in a made-up run, and how long its phases are."""

from __future__ import annotations

TARGET = {"job": "wattscan-target", "instance": "edge-box:8002", "target": "cpu"}
TARGET_FACTS = {"title": "CPU", "precision": "", "domain": "", "zone": ""}
LOADGEN = {"job": "wattscan-loadgen", "instance": "driver:8003"}
PHASE_SECONDS = {
    "quick": {"idle": 5.0, "warmup": 3.0, "load": 10.0, "cooldown": 2.0},
    "check": {"idle": 5.0, "warmup": 5.0, "load": 15.0, "cooldown": 2.0},
    "standard": {"idle": 30.0, "warmup": 10.0, "load": 60.0, "cooldown": 20.0},
}
REPEATS = {"quick": 2, "check": 6, "standard": 6}
SOURCE = {"sensor": "rapl", "domain": "package-0", "scope": "chip", "method": "counter"}
MODELLED = {
    "sensor": "cpu_model",
    "domain": "cpu: 1.48 W idle + 2.76 W per busy core",
    "scope": "chip",
    "method": "modelled",
}
SHA256 = {"fp32": "f" * 64, "int8": "8" * 64, "fp16": "1" * 64, "int8-ptq": "a" * 64}
