"""Reports without their plots, which take most of the time, where a test does not look at them."""

import pytest

_UNSEEN = {
    "test_collector_cli",
    "test_collector_variants",
    "test_page_headline",
    "test_projections",
}

_UNDRAWN = dict.fromkeys(("energy", "latency", "timeline"), ["<svg></svg>"] * 2)


@pytest.fixture(autouse=True, scope="module")
def no_plots(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__ in _UNSEEN:
            patch.setattr("wattscan.collector.plots.every", lambda _: _UNDRAWN)
        yield
