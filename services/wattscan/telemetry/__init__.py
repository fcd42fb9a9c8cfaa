"""Sensor -> sampler -> integration -> attribution -> export."""
