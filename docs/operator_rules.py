"""Prometheus's rule files as objects of the Prometheus operator, for `k8s/monitoring/`.

A rule file (`groups:`) is the `spec` of a `PrometheusRule`, so the text is taken over as it is,
with its comments, two spaces further in.
"""

from __future__ import annotations

from pathlib import Path

_FROM = "docker/prometheus/rules"
_HEAD = f"# Made from {_FROM}/*.yml by `make generate`: change those.\n"
_NONE = f"{_HEAD}# There are none yet.\n"
_OBJECT = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: wattscan-{name}
  labels:
    app.kubernetes.io/name: wattscan
spec:
{spec}"""


def objects(root: Path) -> str:
    """The text of `k8s/monitoring/rules.yaml`: an object for each rule file of the repository at
    `root`; comments alone, which kustomize takes for nothing, where it has none."""
    files = sorted((root / _FROM).glob("*.yml"))
    return _HEAD + "---\n".join(map(as_object, files)) if files else _NONE


def as_object(file: Path) -> str:
    """The object of one rule file, named after it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.rstrip() != "---"]
    spec = "".join(f"  {line}".rstrip() + "\n" for line in kept)
    return _OBJECT.format(name=file.stem.replace("_", "-").lower(), spec=spec)
