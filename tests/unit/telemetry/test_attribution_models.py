"""Each model gets its own energy, however many there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_rig import Clock, joules, ledger_of

from wattscan.units import Joules, Seconds

span = st.tuples(
    st.sampled_from(["brain-mri", "chest-xray", "nerve-ultrasound"]),
    st.integers(0, 40),
    st.integers(1, 15),
    st.sampled_from([1.0, 0.5, 0.25]),
)


def shared_out(spans, ends, joules_of):
    """By hand: each interval's energy by the image-seconds in it; idle where there are none."""
    given_to, idle, start = dict.fromkeys([s[0] for s in spans], 0.0), 0.0, 0
    for end, energy in zip(ends, joules_of, strict=True):
        weights = [
            (task, max(0, min(begin + length, end) - max(begin, start)) * share)
            for task, begin, length, share in spans
        ]
        total_weight = sum(weight for _, weight in weights)
        if total_weight == 0:
            idle += energy
        for task, weight in weights if total_weight else ():
            given_to[task] += energy * weight / total_weight
        start = end
    return given_to, idle


@given(st.lists(span, max_size=12), st.lists(st.floats(0, 20), min_size=6, max_size=6))
def test_several_models_at_once_each_get_their_own(spans, joules_of):
    """Overlapping requests and batches of three models, settled every tenth second."""
    clock = Clock()
    ledger = ledger_of(clock)
    accounts = [ledger.open(task, "fp32") for task, *_ in spans]
    ends = [10, 20, 30, 40, 50, 60]
    for now in range(61):
        clock.now = float(now)
        for account, (_, begin, length, share) in zip(accounts, spans, strict=True):
            if begin + length == now:
                account.stop()
                account.close(ok=True)
            if begin == now:
                account.start(share)
        if now in ends:
            energy = joules_of[ends.index(now)]
            ledger.settle(Seconds(now - 10.0), Seconds(float(now)), Joules(energy))
    expected, idle = shared_out(spans, ends, joules_of)
    for task, energy in expected.items():
        assert joules(ledger, task) == pytest.approx(energy, abs=1e-9)
    assert ledger.idle()["counter"] == pytest.approx(idle, abs=1e-9)
