"""Verdicts: other runs and variants beside the one that is judged."""

import pytest
from edits import changed, without
from synthetic import Spec, spans
from verdict_rig import ENERGY, PHASE_END, RUN_STARTS, also, codes


def test_a_third_variant_needs_its_own_quality():
    def halved(sample):
        if sample.labels.get("precision") == "int8" and "quality" not in sample.name:
            yield sample._replace(labels={**sample.labels, "precision": "fp16"})

    assert codes(Spec(more=(halved,)), "fp16") >= {"quality_not_recorded"}


def test_a_run_of_another_name_for_this_service_is_a_second_run():
    more = tuple(
        also(name, run="run-0", target="by another name")
        for name in ("wattscan_run_info", RUN_STARTS, PHASE_END)
    )
    assert codes(Spec(more=more)) == {"second_run"}


def test_somebody_else_s_series_end_nothing():
    def theirs(sample):
        if sample.name in ("wattscan_run_info", RUN_STARTS):
            labels = {**sample.labels, "run": "run-0"}
            yield sample._replace(labels={k: v for k, v in labels.items() if k != "task"})
            yield sample._replace(labels={"job": "theirs"})

    assert "second_run" not in codes(Spec(more=(theirs,)))


def test_an_idle_phase_is_judged_by_what_its_own_variant_adds():
    """FP32 adds 96 W, INT8 10 W: 5 W more in idle are nothing to the one and half to the other."""

    def edit(sample):
        mine = [s for s in spans(Spec()) if (s.precision, s.phase) == ("int8", "idle")][:3]
        extra = sum(5.0 * max(0.0, min(sample.at, s.end) - s.start) for s in mine)
        return sample._replace(value=sample.value + extra)

    spec = Spec(
        load_watts={"fp32": 100.0, "int8": 14.0},
        edits=(changed(ENERGY, edit), without("wattscan_power_watts")),
    )
    assert codes(spec) == set()
    assert codes(spec, "int8") == {"idle_not_idle"}


@pytest.mark.parametrize("gain", [1e3, 1e9])
def test_a_power_beyond_any_device_is_a_wrong_unit(gain):
    def edit(sample):
        return sample._replace(value=sample.value * gain)

    spec = Spec(edits=(changed(ENERGY, edit), changed("wattscan_power_watts", edit)))
    assert codes(spec) == {"figures_not_plausible"}


def test_one_variant_alone_needs_its_own_quality():
    alone = Spec(precisions=("fp32",))
    assert codes(alone) == set()
    edits = (without("wattscan_model_quality_ratio"),)
    assert codes(Spec(precisions=("fp32",), edits=edits)) == {"quality_not_recorded"}


def test_a_run_that_was_cut_short_just_before_is_no_second_run():
    begun = spans(Spec())[0].start

    def crashed(sample):
        """Its first idle phase began 100 s before, and its page is gone 10 s before."""
        name = "wattscan_run_phase_start_timestamp_seconds"
        if sample.at == begun and sample.name in ("wattscan_run_info", name):
            yield sample._replace(
                at=begun - 10,
                labels={**sample.labels, "run": "run-0"},
                value=1.0 if sample.name == "wattscan_run_info" else begun - 100,
            )

    assert codes(Spec(more=(crashed,))) == set()
