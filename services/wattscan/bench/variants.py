"""Which variants of which tasks, or of which other models, a run measures."""

from __future__ import annotations

from wattscan.bench.offered import Offered
from wattscan.contracts import WattscanError
from wattscan.workloads import Workload


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
    there = sorted(set(offered[name]))
    if workload.models and len(there) == 1 and not workload.variants:
        return tuple(there)
    # A report has FP32 in capitals: it may be typed so.
    asked = [
        n if n in there else n.lower() for n in (workload.reference, *(workload.variants or there))
    ]
    wanted = tuple(dict.fromkeys(asked))
    missing = [n for n in wanted if n not in there]
    if missing:
        raise WattscanError(
            f"{where} has no {' and no '.join(missing)} model of {name!r}; it has: "
            f"{', '.join(there)}. --task and --variants name what to measure, --reference the "
            "variant that the others are compared with"
        )
    return wanted
