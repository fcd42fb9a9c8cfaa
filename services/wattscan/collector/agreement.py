"""How far variants without a score agree with their reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.model_facts import ModelFacts
from wattscan.collector.series import Source
from wattscan.collector.windows import Run
from wattscan.contracts import Agreement

NOT_SCORED = "not scored: agreement with the reference only"
_TITLES = {
    "dice": "Dice",
    "top_1": "top-1",
    "auc_roc": "AUC-ROC",
    "relative_error": "relative error",
}


@dataclass(frozen=True)
class AgreementFigure:
    """The agreement of the variant `precision` of a task, of the file that was served."""

    task: str
    precision: str
    agreement: Agreement


def read_agreement(
    source: Source, run: Run, models: Mapping[tuple[str, str], Sequence[ModelFacts]]
) -> tuple[AgreementFigure, ...]:
    """Of the files that were served in the run's span. Raises: WattscanError."""
    found = []
    for last in source.last(metrics.MODEL_AGREEMENT.name, run.target_matchers, *run.span):
        told = {name: last.labels.get(name, "") for name in metrics.MODEL_AGREEMENT.labels}
        facts = models.get((told["task"], told["precision"]), ())
        if last.value >= 0 and (not facts or told["sha256"] in {fact.sha256 for fact in facts}):
            figure = Agreement(told["metric"], last.value, told["reference"], told["inputs"])
            found.append(AgreementFigure(told["task"], told["precision"], figure))
    return tuple(sorted(found, key=lambda f: (f.task, f.precision, f.agreement.metric)))


def agreement_text(agreement: Agreement) -> str:
    """Such as `Dice 0.9931`; one that is far off says so."""
    title = _TITLES.get(agreement.metric, agreement.metric)
    far = "" if agreement.is_close else ", far off"
    return f"{title} {agreement.value:.4f}{far}"


def of_cell(
    figures: Sequence[AgreementFigure], task: str, precision: str, reference: str
) -> tuple[Agreement, ...]:
    """A variant's own; of the reference, those of all variants that are compared with it."""
    return tuple(
        f.agreement
        for f in figures
        if f.task == task
        and f.agreement.reference == reference
        and precision in (f.precision, reference)
    )
