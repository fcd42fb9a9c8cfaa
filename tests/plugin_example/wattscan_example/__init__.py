"""Plug-ins for Wattscan: docs/plugins.md explains them."""
