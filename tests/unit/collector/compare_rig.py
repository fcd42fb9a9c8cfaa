"""Two runs, and what their comparison says."""

from functools import cache

from compared_runs import report, spec
from synthetic import Spec

from wattscan.collector.compare import compare
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.compare_text import page

LIMITS = Thresholds()


@cache
def base():
    return report(spec(run="base"))


def against(made, first=None, **options):
    """A comparison of a run with the base, or another first one, and its page."""
    one, other = first or base(), report(made) if isinstance(made, Spec) else made
    comparison = compare(one.measured, other.measured, LIMITS, **options)
    return comparison, page(comparison, (one, other))


def pair(comparison, name, precision="int8"):
    cell = next(cell for cell in comparison.cells if cell.precision == precision)
    return next(pair for pair in cell.pairs if pair.name.startswith(name))
