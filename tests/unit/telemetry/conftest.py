"""What the tests of sampling share."""

import pytest
from ledger_rig import Clock
from sampler_rig import Rig


@pytest.fixture
def rig():
    rig = Rig()
    rig.sampler.tick()
    for _ in range(3):
        rig.tick()
    return rig


@pytest.fixture
def clock():
    return Clock()
