"""What takes long, for those unit tests that need it: a report's plots, and SciPy's statistics."""

from types import ModuleType

import pytest

_SEEN = {"test_collector_render", "test_render_page"}

_UNDRAWN = dict.fromkeys(("energy", "latency", "timeline"), ["<svg></svg>"] * 2)


@pytest.fixture(autouse=True, scope="module")
def no_plots(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__ not in _SEEN:
            patch.setattr("wattscan.collector.plots.every", lambda _: _UNDRAWN)
        yield


@pytest.fixture(scope="session")
def stats() -> ModuleType:
    """SciPy's: it takes seconds to import, in each process that looks for tests."""
    from scipy import stats

    return stats
