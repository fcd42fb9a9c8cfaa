"""Inference runtimes, one module each."""
