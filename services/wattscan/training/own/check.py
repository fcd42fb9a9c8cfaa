"""`wattscan models check` of a model of the user's own: its files, and every engine's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wattscan import plugins
from wattscan.artifacts import model_file
from wattscan.contracts import EngineAbsent, EngineUnfit, ModelCard, ModelFile, WattscanError
from wattscan.training.agreement import REFERENCE
from wattscan.training.engines import Line
from wattscan.training.own import data, engines, outputs

SAMPLES = "samples"
"""The folder beside the card that has inputs, where somebody gave some."""
_SEED = 2022


def own_lines(card: ModelCard) -> Iterator[Line]:
    """A line for each file's digest, and for each engine that reads it."""
    for file in card.files:
        title = f"{file.format} digest"
        try:
            model_file(card, file.format)
        except WattscanError as error:
            yield Line(card.name, title, "FAILED", str(error))
            continue
        yield Line(card.name, title, "ok", file.sha256[:12])
        yield from _engines(replace(card, files=(file,)), file)


def _engines(card: ModelCard, file: ModelFile) -> Iterator[Line]:
    try:
        given = _given(card, file)
    except WattscanError as error:
        yield Line(card.name, f"{file.format} inputs", "FAILED", str(error))
        return
    samples = given.samples[: engines.COMPARED]
    reference: outputs.Answers | None = None
    names = [n for n in plugins.usable("backends") if file.format == plugins.backend(n).FORMAT]
    for name in sorted(names, key=lambda name: name != REFERENCE):
        try:
            found = engines.answers_in(card, name, {"threads": 1}, samples)
        except WattscanError as error:
            absent = isinstance(error, EngineAbsent | EngineUnfit)
            yield Line(card.name, name, "skipped" if absent else "FAILED", str(error))
            continue
        yield _compared(card, name, given.name, reference, found)
        if name == REFERENCE:
            reference = found


def _compared(
    card: ModelCard,
    name: str,
    inputs: str,
    reference: outputs.Answers | None,
    found: outputs.Answers,
) -> Line:
    if reference is None:
        return Line(card.name, name, "ok", f"it runs ({inputs}); no score to compare with")
    why = engines.differs(card, reference, found)
    if why:
        return Line(card.name, f"{name} = {REFERENCE}", "FAILED", why)
    return Line(card.name, f"{name} = {REFERENCE}", "ok", f"on {len(found)} inputs ({inputs})")


def _given(card: ModelCard, file: ModelFile) -> data.Given:
    """The sample inputs beside the card, else drawn ones. Raises: WattscanError."""
    folder = file.path.parent.parent / SAMPLES
    places = [folder] if folder.is_dir() else []
    return data.read(places, card.task, engines.inputs_of(card), _SEED)
