"""Data -> fit -> quantization-aware fit -> export -> check."""
