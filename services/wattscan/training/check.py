"""`wattscan models check`: are these the models that were scored, in every engine that is here?

Needs no training framework: the frozen graph's score stands in the card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from wattscan import plugins
from wattscan.artifacts import SYMMETRIC, find_cards, model_file
from wattscan.contracts import EngineAbsent, ModelCard, ModelFile, WattscanError
from wattscan.training import consistency, edge_tpu, onnx_file, sets, tflite_file
from wattscan.training.data import Split
from wattscan.training.engines import Line, ScoringJob, check_engines
from wattscan.training.own.check import own_lines


def check(models: Path, data: Mapping[str, Path]) -> bool:
    """Check every model in the folder, printing a line for each check as it is done.

    Args:
        models: the model folder.
        data: task -> the folder of its public data set, for models that were trained on one.

    Returns:
        Whether nothing failed. What cannot be checked on this machine is skipped, and says why.

    Raises:
        WattscanError: no models, or a card that cannot be read.
    """
    lines = []
    for line in findings(models, data):
        print(
            f"{line.model:<24}  {line.check:<28}  {line.verdict:<7}  {line.note}".rstrip(),
            flush=True,
        )
        lines.append(line)
    count = {v: sum(line.verdict == v for line in lines) for v in ("ok", "FAILED", "skipped")}
    print(f"{count['ok']} ok, {count['FAILED']} failed, {count['skipped']} skipped", end="")
    print(": see above what could not be checked here" if count["skipped"] else "")
    return count["FAILED"] == 0


def findings(models: Path, data: Mapping[str, Path]) -> Iterator[Line]:
    """The checks of every model in the folder, one after the other. Raises: WattscanError."""
    made: dict[str, Split] = {}
    absent: dict[str, str] = {}
    cards = find_cards(models)
    for card in cards:
        if card.is_own:
            yield from own_lines(card)
            continue
        try:
            task = plugins.task(card.task)
        except WattscanError as error:
            yield Line(card.name, "card", "FAILED", str(error))
            continue
        yield consistency.card_line(card, task)
        whole: list[ModelFile] = []
        for file in card.files:
            line = _digest(card, file)
            yield line
            if line.verdict == "ok":
                whole.append(file)
                yield from _structure(card, file)
        table = card.details.get("data", {})
        # Both variants of a task are scored on one set, which takes longer to make than to score.
        key = f"{card.task} {table}"
        try:
            if key not in made:
                made[key] = sets.held_out(task, table, data.get(card.task))
        except WattscanError as error:
            yield Line(card.name, "held-out set", "FAILED", str(error))
            continue
        yield from check_engines(ScoringJob(card, task, made[key]), whole, absent)
    yield from consistency.pair_lines([card for card in cards if not card.is_own])


def _digest(card: ModelCard, file: ModelFile) -> Line:
    try:
        model_file(card, file.format)
    except WattscanError as error:
        return Line(card.name, f"{file.format} digest", "FAILED", str(error))
    return Line(card.name, f"{file.format} digest", "ok", file.sha256[:12])


def _structure(card: ModelCard, file: ModelFile) -> Iterator[Line]:
    name, integer = f"{file.format} structure", card.datatype == "int8"
    try:
        if file.format in ("onnx", SYMMETRIC):
            symmetric = file.format == SYMMETRIC
            found = onnx_file.problems(file.path, datatype=card.datatype, symmetric=symmetric)
            note = "onnx checker, shapes inferred" + (", every layer in 8 bits" if integer else "")
            note += ", signed, all zero points 0, biases float" if symmetric else ""
            yield _judged(card, name, found, note)
        else:
            found = tflite_file.problems(file.path, datatype=card.datatype)
            counts = tflite_file.operators(file.path).most_common()
            note = ", ".join(f"{count} {operator}" for operator, count in counts)
            yield _judged(card, name, found, note)
            if integer:
                yield from _edge_tpu(card, file)
    except WattscanError as error:
        skipped = isinstance(error, EngineAbsent)
        yield Line(card.name, name, "skipped" if skipped else "FAILED", str(error))


def _judged(card: ModelCard, name: str, problems: list[str], note: str) -> Line:
    if problems:
        return Line(card.name, name, "FAILED", "; ".join(problems))
    return Line(card.name, name, "ok", note)


def _edge_tpu(card: ModelCard, file: ModelFile) -> Iterator[Line]:
    """A line for each operator, and one that says what was not done. Raises: WattscanError."""
    for operator in edge_tpu.operators(file.path):
        name = f"edge-tpu {operator.index} {operator.name}"
        line = _judged(card, name, list(operator.problems), "on the list")
        yield replace(line, note=f"version {operator.version}, {line.note}")
    yield Line(
        card.name,
        "edge-tpu compiler",
        "skipped",
        "not run: the operators above were compared with its published list, no more",
    )
