"""Checks of the model: which one ran, how it was computed, and how good it is."""

from __future__ import annotations

from wattscan.collector.agreement import agreement_text
from wattscan.collector.devices_alike import widened
from wattscan.collector.evidence import Evidence
from wattscan.collector.names import listed, percent, title_of

LEAST_QUALITY = 0.99
"""Relative to the reference's."""


def model_changed(evidence: Evidence) -> str | None:
    """The SHA-256, the engine, its version, threads or batch changed within a variant."""
    facts = evidence.cell.models
    if len(set(facts)) < 2:
        return None
    told = ", ".join(sorted({f"{f.sha256[:12]} in {f.runs_on}" for f in facts}))
    return f"The model or its engine changed among the repeats: {told}."


def variants_are_one_model(evidence: Evidence) -> str | None:
    """Several variants have the same SHA-256."""
    mine = {fact.sha256 for fact in evidence.cell.models if fact.sha256}
    alike = [
        title_of(cell.precision)
        for cell in evidence.variants
        if mine & {fact.sha256 for fact in cell.models}
    ]
    if len(alike) < 2:
        return None
    return f"{listed(alike)} ran one and the same file: its SHA-256 is the same."


def int8_computed_in_fp32(evidence: Evidence) -> str | None:
    """The engine computes the INT8 model in floating point, as ONNX Runtime's providers for CUDA,
    TensorRT and CoreML do.
    """
    if "int8" not in widened(evidence.cell):
        return None
    return (
        f"{_providers(evidence)} computes the convolutions of the quantized model in floating "
        "point: these are the joules of FP32 with rounding, not of INT8."
    )


def fp16_computed_in_fp32(evidence: Evidence) -> str | None:
    """The engine widens the FP16 model to FP32, as every engine here does on a processor."""
    if "fp16" not in widened(evidence.cell):
        return None
    return (
        f"{_providers(evidence)} widens the model's 16-bit floats to 32 bits: these are the joules "
        "of FP32, not of FP16."
    )


def _providers(evidence: Evidence) -> str:
    return ", ".join(sorted({model.provider for model in evidence.cell.models}))


def int8_quality_below_99_percent(evidence: Evidence) -> str | None:
    """The quality of the variant `int8` is too far below the reference's."""
    return _low_quality(evidence) if evidence.cell.precision == "int8" else None


def quality_below_99_percent(evidence: Evidence) -> str | None:
    """The same for any other variant."""
    return _low_quality(evidence) if evidence.cell.precision != "int8" else None


def _low_quality(evidence: Evidence) -> str | None:
    variant, reference = evidence.cell.precision, evidence.run.reference
    ratio = evidence.quality_ratios.get(variant)
    if ratio is None or ratio >= LEAST_QUALITY:
        return None
    return (
        f"The {title_of(variant)} model's quality is {ratio:.1%} of the {title_of(reference)} "
        f"model's; {percent(LEAST_QUALITY)} is the least."
    )


def agreement_far_off(evidence: Evidence) -> str | None:
    """The file has no score, and its outputs on the given inputs are far from the reference's:
    Dice, top-1 or AUC-ROC below the first limit, or relative error above the second.
    """
    return None if _is_reference(evidence) else _far(evidence, drawn=False)


def agreement_far_off_on_drawn(evidence: Evidence) -> str | None:
    """As `agreement_far_off`, but on randomly drawn inputs: a model is not made for noise."""
    told = None if _is_reference(evidence) else _far(evidence, drawn=True)
    return None if told is None else f"{told} Check it on your own images, with --data DIR."


def agreement_only(evidence: Evidence) -> str | None:
    """The file has no score: only its agreement with the reference is known, and both may be wrong
    in the same way.
    """
    if not evidence.agreements or evidence.quality_told:
        return None
    name = title_of(evidence.run.reference)
    return (
        f"Not scored: it is known how far the outputs agree with the {name} file's, and not how "
        "good either is."
    )


def _is_reference(evidence: Evidence) -> bool:
    return evidence.cell.precision == evidence.run.reference


def _far(evidence: Evidence, drawn: bool) -> str | None:
    far = [a for a in evidence.agreements if not a.is_close and a.is_of_drawn == drawn]
    if not far:
        return None
    name, reference = title_of(evidence.cell.precision), title_of(evidence.run.reference)
    return (
        f"The {name} file answers otherwise than the {reference} file: {agreement_text(far[0])} on "
        f"{far[0].inputs}."
    )
