"""Reports without their plots, which take most of the time, where a test does not look at them."""

import pytest

_SEEN = {"test_collector_render", "test_render_page"}

_UNDRAWN = dict.fromkeys(("energy", "latency", "timeline"), ["<svg></svg>"] * 2)


@pytest.fixture(autouse=True, scope="module")
def no_plots(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__ not in _SEEN:
            patch.setattr("wattscan.collector.plots.every", lambda _: _UNDRAWN)
        yield
