"""Wattscan: what one medical scan costs on a hardware target, in joules."""

__version__ = "0.1.0"
