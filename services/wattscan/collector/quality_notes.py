"""The notes under the table of quality."""

from __future__ import annotations

from wattscan.collector import paper_figures
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.tables import number

METRIC_TITLES = {"dice": "Dice", "auc_roc": "AUC-ROC"}


def difference_name(measured: Measured) -> str:
    """Such as `INT8 - FP32`; that is what cards have, whatever the run's reference."""
    names = [name for name in measured.run.variants if name != "fp32"] or ["int8"]
    return f"{title_of(names[0]) if len(names) == 1 else 'variant'} - FP32"


def is_phantom(dataset: str) -> bool:
    """Whether a data set is synthetic."""
    return "phantom" in dataset.lower()


def quality_notes(measured: Measured) -> tuple[str, ...]:
    """What a reader has to know of the table."""
    notes = []
    quality = [figure for figure in measured.quality if figure.task in measured.tasks]
    if any(is_phantom(figure.dataset) for figure in quality):
        notes.append(
            "A phantom is a synthetic, labelled set that comes with Wattscan: its scores compare "
            "variants of a model, and say nothing of patients."
        )
    if any(figure.ptq is not None for figure in quality):
        notes.append(
            "PTQ alone: the same network, quantized after a calibration without being trained with "
            f"rounding. The interval of {difference_name(measured)} is a paired bootstrap over "
            "the held-out set."
        )
    if measured.agreement:
        notes.append(
            "Agreement compares the outputs of a variant with the reference's, on the same inputs "
            "and in the engine that served it: Dice of masks, top-1 of classes, else the relative "
            "error. It says nothing of how good the reference is."
        )
    others = [figure for figure in quality if not figure.served]
    notes += [
        f"{title_of(figure.task)} {title_of(figure.precision)}: a score of "
        f"{number(figure.value, 3)} ({METRIC_TITLES.get(figure.metric, figure.metric)}) is that "
        "of another model file than the one that was measured, and left out above."
        for figure in others
    ]
    notes.append(
        f"\"Paper's own\" figures are those of {paper_figures.PAPER}, Table 1, on the paper's "
        "clinical data sets; Wattscan did not measure them."
    )
    return tuple(notes)
