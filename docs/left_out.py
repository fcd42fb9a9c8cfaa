"""Says which packages of some extras this machine's Python or processor cannot have.

`python docs/left_out.py EXTRA...` prints a sentence for each, with what stands in for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tomllib
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def main() -> None:
    """Print a sentence for each package that is left out here."""
    for sentence in sentences(tomllib.loads(PROJECT.read_text(encoding="utf-8")), sys.argv[1:]):
        print(sentence)


def sentences(
    project: dict[str, Any], extras: list[str], machine: dict[str, str] | None = None
) -> list[str]:
    """One for each package whose marker is false on a machine (PEP 508's names; this one)."""
    stand_ins = project["tool"]["wattscan"]["stand-ins"]
    found = []
    for extra in extras:
        for text in project["project"]["optional-dependencies"][extra]:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate(machine):
                found.append(
                    f"Left out here: {requirement.name} (only where {requirement.marker}). "
                    f"{stand_ins[requirement.name]}"
                )
    return found


if __name__ == "__main__":
    main()
