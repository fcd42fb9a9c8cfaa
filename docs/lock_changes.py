"""Prints how the versions in the lock files differ from those of the last commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def main() -> None:
    """Print a line for each package that came, went or changed."""
    for path in sorted(ROOT.glob("requirements*.txt")):
        before = subprocess.run(  # noqa: S603
            ["git", "show", f"HEAD:{path.name}"],  # noqa: S607
            cwd=ROOT, capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        lines = changes(before, path.read_text(encoding="utf-8"))
        print(f"{path.name}: {'no version changed' if not lines else ''}".rstrip())
        for line in lines:
            print(f"  {line}")


def changes(before: str, after: str) -> list[str]:
    """What changed between two lock files, such as `numpy 2.1.0 -> 2.2.0`, sorted by name."""
    old, new = _versions(before), _versions(after)
    lines = []
    for name in sorted({*old, *new}):
        if name not in old:
            lines.append(f"{name} added: {new[name]}")
        elif name not in new:
            lines.append(f"{name} removed: {old[name]}")
        elif old[name] != new[name]:
            lines.append(f"{name} {old[name]} -> {new[name]}")
    return lines


def _versions(lock: str) -> dict[str, str]:
    """Name -> version; several versions of a package (by platform) are joined by commas."""
    found: dict[str, list[str]] = {}
    for name, version in _PIN.findall(lock):
        found.setdefault(name, []).append(version)
    return {name: ", ".join(versions) for name, versions in found.items()}


if __name__ == "__main__":
    main()
