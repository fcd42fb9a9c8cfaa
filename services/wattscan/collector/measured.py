"""A run, reduced to its cells and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wattscan.collector.agreement import AgreementFigure
from wattscan.collector.cells import Cell, TaskRatio
from wattscan.collector.clocks import Clocks
from wattscan.collector.device import Device
from wattscan.collector.projection import NOTHING_ASSUMED, Assumptions
from wattscan.collector.quality import QualityFigure
from wattscan.collector.reasons import Verdict, worst
from wattscan.collector.windows import Run
from wattscan.contracts import PaperReading


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything that the tables and the report are made from; `run` by the recorder's clock."""

    run: Run
    clocks: Clocks | None
    device: Device
    paper: PaperReading
    target_title: str
    cells: tuple[Cell, ...]
    ratios: Sequence[TaskRatio]
    quality: tuple[QualityFigure, ...]
    assumptions: Assumptions = NOTHING_ASSUMED
    agreement: tuple[AgreementFigure, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The run's tasks in the order in which they were measured."""
        return tuple(dict.fromkeys(cell.task for cell in self.cells))

    @property
    def reference(self) -> str:
        """The variant that the others are compared with."""
        return self.run.reference

    @property
    def compared(self) -> tuple[str, ...]:
        """The variants that are compared with it, by name."""
        return tuple(name for name in self.run.variants if name != self.reference)

    def verdict_of(self, task: str) -> Verdict:
        """The worst verdict of a task's cells."""
        return worst([cell.verdict for cell in self.cells if cell.task == task])

    def verdict_of_ratio(self, ratio: TaskRatio) -> Verdict:
        """The worse verdict of the two cells that it compares."""
        return worst([cell.verdict for cell in self._compared_by(ratio)])

    def net_verdict_of_ratio(self, ratio: TaskRatio) -> Verdict:
        """The same of the ratio of net energies."""
        return worst([cell.net_verdict for cell in self._compared_by(ratio)])

    def _compared_by(self, ratio: TaskRatio) -> list[Cell]:
        names = (self.reference, ratio.precision) if ratio.precision else self.run.variants
        return [c for c in self.cells if c.task == ratio.task and c.precision in names]

    def ratios_of(self, task: str) -> list[TaskRatio]:
        """Those of a task: one for each variant that is compared with the reference, or one that
        says why there is none."""
        return [ratio for ratio in self.ratios if ratio.task == task]

    def ratio(self, task: str, precision: str) -> TaskRatio:
        """That of a variant; of the reference, and of a variant that was not measured, the task's
        first."""
        found = self.ratios_of(task)
        return next((ratio for ratio in found if ratio.precision == precision), found[0])

    def cell(self, task: str, precision: str) -> Cell | None:
        """The cell of a task and a precision."""
        found = (c for c in self.cells if (c.task, c.precision) == (task, precision))
        return next(found, None)
