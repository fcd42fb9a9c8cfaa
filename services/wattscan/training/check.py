"""`wattscan models check`: are these the models that were scored, in every engine that is here?

Needs no training framework: the frozen graph's score stands in the card.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from wattscan import plugins
from wattscan.artifacts import find_cards, model_file
from wattscan.contracts import EngineAbsent, ModelCard, ModelFile, WattscanError
from wattscan.training import edge_tpu, sets, tflite_file
from wattscan.training.data import Split
from wattscan.training.engines import Job, Line, check_engines


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
    print(f"{count['ok']} ok, {count['FAILED']} failed, {count['skipped']} skipped")
    return count["FAILED"] == 0


def findings(models: Path, data: Mapping[str, Path]) -> Iterator[Line]:
    """The checks of every model in the folder, one after the other. Raises: WattscanError."""
    made: dict[str, Split] = {}
    absent: dict[str, str] = {}
    for card in find_cards(models):
        task = plugins.task(card.task)
        whole: list[ModelFile] = []
        for file in card.files:
            line = _digest(card, file)
            yield line
            if line.verdict == "ok":
                whole.append(file)
                yield _structure(card, file)
                if file.format == "tflite" and card.precision == "int8":
                    yield from _edge_tpu(card, file)
        table = card.details.get("data", {})
        # Both variants of a task are scored on one set, which takes longer to make than to score.
        key = f"{card.task} {table}"
        try:
            if key not in made:
                made[key] = sets.held_out(task, table, data.get(card.task))
        except WattscanError as error:
            yield Line(card.name, "held-out set", "FAILED", str(error))
            continue
        yield from check_engines(Job(card, task, made[key]), whole, absent)


def _digest(card: ModelCard, file: ModelFile) -> Line:
    try:
        model_file(card, file.format)
    except WattscanError as error:
        return Line(card.name, f"{file.format} digest", "FAILED", str(error))
    return Line(card.name, f"{file.format} digest", "ok", file.sha256[:12])


def _structure(card: ModelCard, file: ModelFile) -> Line:
    name = f"{file.format} structure"
    try:
        if file.format == "onnx":
            return _onnx_structure(card, file, name)
        found = tflite_file.problems(file.path, integer=card.precision == "int8")
        operators = tflite_file.operators(file.path)
    except WattscanError as error:
        return Line(
            card.name, name, "skipped" if isinstance(error, EngineAbsent) else "FAILED", str(error)
        )
    if found:
        return Line(card.name, name, "FAILED", "; ".join(found))
    note = ", ".join(f"{count} {operator}" for operator, count in operators.most_common())
    return Line(card.name, name, "ok", note)


def _edge_tpu(card: ModelCard, file: ModelFile) -> Iterator[Line]:
    """A line for each operator, and one that says what was not done."""
    try:
        operators = edge_tpu.operators(file.path)
    except EngineAbsent as error:
        yield Line(card.name, "edge-tpu", "skipped", str(error))
        return
    except WattscanError:
        return  # its structure's line has said it
    for operator in operators:
        name = f"edge-tpu {operator.index} {operator.name}"
        note = f"version {operator.version}, " + ("; ".join(operator.problems) or "on the list")
        yield Line(card.name, name, "FAILED" if operator.problems else "ok", note)
    yield Line(
        card.name,
        "edge-tpu compiler",
        "skipped",
        "not run: the operators above were compared with its published list, no more",
    )


def _onnx_structure(card: ModelCard, file: ModelFile, name: str) -> Line:
    if importlib.util.find_spec("onnx") is None:
        return Line(card.name, name, "skipped", "onnx is not installed (the train extra)")
    checker = plugins.sdk("onnx.checker", "train")
    try:
        checker.check_model(str(file.path), full_check=True)
    except Exception as error:  # its errors, protobuf's and the shape inference's share no base
        return Line(card.name, name, "FAILED", str(error).splitlines()[0])
    return Line(card.name, name, "ok", "onnx checker, shapes inferred")
