"""Two runs, and what their comparison says."""

from compared_runs import report, spec
from synthetic import Spec

from wattscan.collector.compare import compare
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.compare_text import page

LIMITS = Thresholds()
BASE = report(spec(run="base"))


def against(made, base=BASE, **options):
    """A comparison of a run with the base, and its page."""
    other = report(made) if isinstance(made, Spec) else made
    comparison = compare(base.measured, other.measured, LIMITS, **options)
    return comparison, page(comparison, (base, other))


def pair(comparison, name, precision="int8"):
    cell = next(cell for cell in comparison.cells if cell.precision == precision)
    return next(pair for pair in cell.pairs if pair.name.startswith(name))
