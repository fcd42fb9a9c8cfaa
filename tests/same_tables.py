"""How tests compare the tables of one run that two servers gave."""

from __future__ import annotations

import pytest


def assert_alike(one: object, other: object, rel: float = 1e-5, key: str = "") -> None:
    """The same, numbers to `rel`.

    VictoriaMetrics keeps 15 digits of a number, which is 10 microseconds of a time of day: of a
    window of some seconds, a few parts in a million. Clocks, lengths of time, and the bounds that
    they add to, are as near as that.
    """
    if isinstance(one, dict):
        assert isinstance(other, dict) and one.keys() == other.keys()
        for name, value in one.items():
            assert_alike(value, other[name], rel, key if key == "clocks" else name)
    elif isinstance(one, list):
        assert isinstance(other, list) and len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_alike(mine, its, rel, key)
    elif isinstance(one, float):
        least = 2e-5 if key == "clocks" or key.endswith("_seconds") else 1e-9
        assert one == pytest.approx(other, rel=1e-3 if "bound" in key else rel, abs=least)
    else:
        assert one == other
