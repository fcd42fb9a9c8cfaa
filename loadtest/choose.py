"""Which variants of which tasks or models a run measures, of those that the service has."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace

from loadtest.options import check_variants, variants_of
from loadtest.protocols import Subject
from loadtest.protocols.tensors import named_models
from wattscan.contracts import WattscanError, split_name
from wattscan.workloads import Workload, pick_variants


def choose(
    options: Namespace, workload: Workload, served: Mapping[str, Subject], address: str
) -> dict[Subject, tuple[str, ...]]:
    """The variants of each, the reference first. Raises: WattscanError."""
    subjects = _subjects(workload, served, address)
    check_variants(options, [subject.name for subject in subjects])
    chosen = {}
    for subject in subjects:
        asked = replace(workload, variants=variants_of(options, workload, subject.name))
        chosen[subject] = pick_variants(asked, subject.name, subject.models, "the server")
    return chosen


def _subjects(workload: Workload, served: Mapping[str, Subject], address: str) -> list[Subject]:
    if workload.models:
        # A server that lists none has what it is asked for.
        known = served or named_models(workload.models)
        asked = [name if name in known else split_name(name)[0] for name in workload.models]
        wanted, kind = tuple(dict.fromkeys(asked if not served else workload.models)), "model"
    else:
        known = {name: subject for name, subject in served.items() if subject.kind}
        wanted, kind = workload.tasks or tuple(sorted(known)), "task"
    unknown = sorted(set(wanted) - known.keys())
    if unknown or not wanted:
        every = ", ".join(sorted(known)) or f"no {kind} at all"
        raise WattscanError(
            f"the server at {address} does not serve {', '.join(unknown) or f'any {kind}'}; it "
            f"serves: {every}. --task and --model name what to measure"
        )
    return [known[name] for name in wanted]
