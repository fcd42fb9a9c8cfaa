"""`wattscan bench --model FILE`: files of the user's own become a model folder that is served.

The folder is the run's: it moves into the run's own, so that a run that was cut short can go on.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wattscan.bench.own_names import check_inputs, named
from wattscan.bench.own_scores import FileScores, evidence_of
from wattscan.bench.own_variants import make_variants
from wattscan.bench.record import Record
from wattscan.bench.tuning import tune_models
from wattscan.contracts import AUTO, ModelCard, Target, WattscanError
from wattscan.engine_choice import Tuning, cheapest, same_engine
from wattscan.samples import Sample
from wattscan.serving.repository.config import CONFIG
from wattscan.settings import MOST_THREADS, whole_number
from wattscan.training.own import data, engines, form
from wattscan.training.tune import TuneOptions
from wattscan.workloads import DRAWN

Say = Callable[[str], None]
MODELS, INPUTS, MADE = "models", "inputs", "made"


@dataclass(frozen=True)
class OwnModels:
    """What is served and measured: the model `name` in `folder`, whose variants are `variants`, the
    reference first. `images` is what the load generator sends: a folder, or `drawn`."""

    name: str
    variants: tuple[str, ...]
    folder: Path
    images: str


@dataclass(frozen=True)
class OwnModelOptions:
    """What is asked for.

    `files`, the reference first; `given` is what `--data` names; `target` is measured: where its
    backend is `auto`, the engine that costs least is found; `sysfs` is that of the sensors that
    count meanwhile; `seed` of what is drawn; `same_engine`: all variants in one.
    """

    files: Sequence[Path]
    given: Sequence[Path]
    target: Target
    sysfs: Path
    seed: int
    same_engine: bool = False
    variants: tuple[str, ...] = ()
    """Those to measure; FP16 and INT8 are made where no file is one. Empty: what the files are."""


def prepare(asked: OwnModelOptions, where: Path, say: Say) -> OwnModels:
    """Make the model folder, find the engines, and compare the variants with the reference.

    Args:
        asked: what is asked for.
        where: an empty folder.
        say: is told what is done.

    Raises:
        WattscanError: a file is no model, or the files do not belong together.
    """
    cards = named(asked.files)
    if asked.variants:
        made = make_variants(cards, asked.variants, asked.given, where / MADE, say)
        cards = [c for c in named([*asked.files, *made]) if _is_wanted(c, cards[0], asked)]
    first = cards[0]
    samples = data.read(asked.given, first.task, engines.inputs_of(first), asked.seed)
    check_inputs(cards)
    said = "drawn" if samples.is_drawn else f"from {samples.name}"
    say(f"{len(samples.samples)} inputs {said}; {_listed(cards)}")
    for card in cards:
        _place(card, where / MODELS / card.name)
    cards = [_placed(card, where / MODELS / card.name) for card in cards]
    shutil.rmtree(where / MADE, ignore_errors=True)
    backends = _backends(cards, samples, asked, say)
    found = evidence_of(cards, samples, backends, _settings(asked.target), say)
    is_open = asked.target.backend == AUTO
    for card in cards:
        config = _config(card, found[card.name], backends[card.name] if is_open else "")
        path = where / MODELS / card.name / CONFIG
        path.write_text(config + _warm_up(card, samples), encoding="utf-8")
    images = DRAWN if samples.is_drawn else _sent(cards, samples, backends, where / INPUTS)
    return OwnModels(first.task, tuple(c.precision for c in cards), where / MODELS, images)


def _is_wanted(card: ModelCard, reference: ModelCard, asked: OwnModelOptions) -> bool:
    return card.precision in (*asked.variants, reference.precision)


def _placed(card: ModelCard, folder: Path) -> ModelCard:
    """The card of the file where it is served from, by the name that it was given with."""
    (file,) = card.files
    served = folder / card.version / form.served_name(file.path)
    return replace(card, files=(replace(file, path=served),))


def _listed(cards: Sequence[ModelCard]) -> str:
    return ", ".join(f"{card.precision.upper()} is {card.network}" for card in cards)


def _place(card: ModelCard, folder: Path) -> None:
    """The file, linked or copied, and what it keeps outside of itself."""
    (file,) = card.files
    version = folder / card.version
    version.mkdir(parents=True)
    parts = {form.served_name(file.path): file.path}
    parts |= {name: file.path.parent / name for name in form.weights_beside(file.path)}
    for name, path in parts.items():
        try:
            os.link(os.path.realpath(path), version / name)
        except OSError:  # another file system
            shutil.copyfile(path, version / name)


def _settings(target: Target) -> dict[str, Any]:
    if target.backend == AUTO:
        return {"threads": whole_number(target.backend_settings, "threads", 1, MOST_THREADS)}
    return dict(target.backend_settings)


def _backends(
    cards: Sequence[ModelCard], samples: data.Given, asked: OwnModelOptions, say: Say
) -> dict[str, str]:
    """The engine that each card is served in, by the card's name. Raises: WattscanError."""
    target = asked.target
    if target.backend != AUTO:
        return {card.name: target.backend for card in cards}
    how = TuneOptions(measure=engines.Tuner(samples.samples))
    say("Looking for the engine that costs the least for each file: some 15 s each ...")
    known = tune_models(cards, target, asked.sysfs, how, say)
    missing = [card.network for card in cards if card.name not in known]
    if missing:
        raise WattscanError(f"no engine here runs {', '.join(missing)} (see above why)")
    return _chosen(known, asked.same_engine)


def _chosen(known: Mapping[str, Tuning], same: bool) -> dict[str, str]:
    one = same_engine(list(known.values())) if same else None
    if same and one is None:
        raise WattscanError("no engine here runs all these files: leave out --same-engine")
    return {name: one or cheapest(tuning).backend for name, tuning in known.items()}


def _config(card: ModelCard, evidence: FileScores, backend: str) -> str:
    """The model.toml."""
    lines = [
        f"# Made by wattscan bench from {_quoted(card.network)}.",
        "# What is sent is finite, so an engine need not keep a NaN.",
        "finite_inputs = true",
        *([f"[backend]\nname = {_quoted(backend)}"] if backend else []),
    ]
    for each in evidence.agreement:
        lines += [
            "[[agreement]]",
            f"metric = {_quoted(each.metric)}",
            f"value = {each.value!r}",
            f"reference = {_quoted(each.reference)}",
            f"inputs = {_quoted(each.inputs)}",
        ]
    for score in evidence.quality:
        lines += [
            "[[quality]]",
            f"metric = {_quoted(score.metric)}",
            f"value = {score.value!r}",
            f"dataset = {_quoted(score.dataset)}",
        ]
    return "\n".join(lines) + "\n"


def _warm_up(card: ModelCard, samples: data.Given) -> str:
    """Shapes of inputs whose size is open, as the samples have them."""
    specs = engines.inputs_of(card)
    arrays = dict(zip((s.name for s in specs), samples.samples[0].values(), strict=False))
    shapes = [
        f"{_quoted(spec.name)} = {list(arrays[spec.name].shape)}\n"
        for spec in specs
        if -1 in spec.shape[1:] and spec.name in arrays
    ]
    return "".join(["[warm_up]\n", *shapes]) if shapes else ""


def _quoted(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sent(
    cards: Sequence[ModelCard], samples: data.Given, backends: Mapping[str, str], folder: Path
) -> str:
    """The samples as files that the load generator sends, in a folder for the model; one more for a
    variant that takes other numbers. Returns the folder of images."""
    images = folder / (re.sub(r"[^\w.-]+", "-", samples.name) or "data")
    _write(samples.samples, images / cards[0].task)
    for card in cards:
        with engines.engine_of(card, backends[card.name], {"threads": 1}) as engine:
            own = engines.as_taken(engine, samples.samples)
        if own is not None:
            _write(own, images / card.name)
    return str(images)


def _write(samples: Sequence[Sample], folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, sample in enumerate(samples):
        if len(sample) == 1:  # without a name: variants may call it otherwise
            np.save(folder / f"{number:04}.npy", next(iter(sample.values())))
        else:
            arrays: dict[str, Any] = dict(sample)
            np.savez(folder / f"{number:04}.npz", **arrays)


def taken_in(own: Path, folder: Path, asked: Record) -> Record:
    """The record of a run that has moved what was made for it into its folder. Raises: OSError."""
    for part in own.iterdir():
        part.rename(folder / part.name)
    place = folder.absolute()
    workload = dict(asked.workload)
    if workload.get("images", DRAWN) != DRAWN:
        inside = Path(workload["images"]).relative_to(own.absolute())
        workload["images"] = str(place / inside)
    models = place / Path(asked.models).relative_to(own.absolute())
    return replace(asked, models=str(models), workload=workload)
