"""The table of `docs/targets.md`: the targets that come with the package."""

from __future__ import annotations

from page_table import table
from wattscan.contracts import Target
from wattscan.targets import load_target, target_names


def tables() -> str:
    """The text between the page's marks."""
    heading = ("target", "hardware", "engine", "sensors, in order of preference", "the paper read")
    return f"\n{table(heading, [_row(load_target(name)) for name in target_names()])}\n"


def _row(target: Target) -> tuple[str, ...]:
    settings = target.backend_settings
    through = settings.get("provider") or settings.get("delegate")
    engine = f"{target.backend}, {through}" if through else target.backend
    paper = (target.paper.precision, target.paper.domain, target.paper.zone)
    sensors = ", ".join(choice.name for choice in target.sensors)
    told = ", ".join(said for said in paper if said) or "not stated"
    return f"`{target.name}`", target.title, engine, sensors, told
