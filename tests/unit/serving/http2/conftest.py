"""A server for each test; nothing of its clients may be left in it."""

import threading

import pytest
from http2_rig import Rig, soon

_OURS = ("request", "connection", "accept", "deadlines")


def _threads():
    return [t for t in threading.enumerate() if t.name.startswith(_OURS)]


@pytest.fixture
def start():
    before, rigs = set(_threads()), []

    def start(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield start
    for rig in rigs:
        rig.close()
    for rig in rigs:
        assert soon(lambda rig=rig: rig.server.calls == 0), rig.server.calls
        assert soon(lambda rig=rig: rig.server.connections == 0), rig.server.connections
    assert soon(lambda: set(_threads()) <= before), _threads()


@pytest.fixture
def rig(start):
    return start()


@pytest.fixture(scope="module")
def shared():
    """One server for all examples of a property."""
    rig = Rig()
    yield rig
    rig.close()
    assert rig.server.calls == 0
