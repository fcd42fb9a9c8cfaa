"""Which variants of which tasks, or of which other models, a run measures."""

from __future__ import annotations

from wattscan.bench.offered import Offered
from wattscan.contracts import WattscanError
from wattscan.workloads import Workload, pick_variants


def choose(offered: Offered, workload: Workload, where: str) -> dict[str, tuple[str, ...]]:
    """The variants of each, the reference first.

    Args:
        offered: what there is.
        workload: what was asked for: nothing stands for all that there is of a task, the reference
            is measured too.
        where: what has them, in a message.

    Raises:
        WattscanError: it lacks one of them.
    """
    asked = workload.models or workload.tasks or tuple(sorted(offered))
    if not asked:
        raise WattscanError(
            f"{where} has no clinical task; --model NAME --protocol oip measures any other model"
        )
    return {name: _of_one(offered, name, workload, where) for name in asked}


def _of_one(offered: Offered, name: str, workload: Workload, where: str) -> tuple[str, ...]:
    if name not in offered:
        have = ", ".join(sorted(offered)) or "none"
        raise WattscanError(f"{where} has no model of {name!r}; it has: {have}")
    return pick_variants(workload, name, offered[name], where)
