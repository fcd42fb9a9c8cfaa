"""How wrong the telemetry is, and what it costs: `make benchmark-telemetry`."""
