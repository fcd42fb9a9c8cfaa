"""What the tensor protocols have in common."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.inputs import Input, batches, samples_of
from loadtest.protocols.requests import Subject
from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.contracts import Normalisation, WattscanError, split_name
from wattscan.installation import models_folder
from wattscan.samples import Sample
from wattscan.workloads import STREAMS, Workload

_IMAGES_NDIM = 4


def named_models(names: Sequence[str]) -> dict[str, Subject]:
    """Models without a clinical task: `lesion-fp32` and `lesion-int8` are variants of `lesion`."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        stem, variant = split_name(name)
        found.setdefault(stem, {})[variant] = name
    return {stem: Subject(stem, "", models) for stem, models in found.items()}


def tensor_batches(
    workload: Workload, subject: Subject, inputs: Sequence[Input], model: str = ""
) -> tuple[int, list[Sample]]:
    """Images in a request, and the requests' tensors; `model`: the variant's name, whose folder of
    images comes before that of all its model's. Raises: WattscanError."""
    wanted = STREAMS if workload.scenario == "MultiStream" else workload.batch
    takes = all(each.shape[:1] == (-1,) for each in inputs)
    if workload.batch > 1 and not takes:
        raise WattscanError(
            f"{subject.name} takes one image a request, {list(inputs[0].shape)}: leave out batch"
        )
    # A model of a fixed batch takes no fewer.
    fixed = inputs[0].shape[0] if len(inputs[0].shape) == _IMAGES_NDIM else 1
    size = wanted if takes else max(1, fixed)
    normalisation = _normalisation(subject) if subject.kind else None
    samples = samples_of(workload, model or subject.name, inputs, normalisation)
    return size, batches(samples, size if takes else 1, subject.name)


def _normalisation(subject: Subject) -> Normalisation:
    """The task's, else its shipped model's: what a tensor's values are changes no load."""
    prescribed = plugins.task(subject.name).normalisation
    if prescribed is not None:
        return prescribed
    try:
        cards = find_cards(models_folder())
    except WattscanError:
        cards = []
    shipped = [card.normalisation for card in cards if card.task == subject.name]
    return shipped[0] if shipped else Normalisation(mean=0.0, std=1.0)
