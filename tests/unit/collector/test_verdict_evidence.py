"""Verdicts: what is not on record, or can not be, is no evidence."""

import pytest
from edits import changed, valued, without
from synthetic import Spec, spans
from verdict_rig import COVERED, ENERGY, MODEL, PHASE_END, cells, codes


def test_a_gauge_that_shows_nothing_disagrees():
    spec = Spec(edits=(valued("wattscan_power_watts", 0.0),))
    assert codes(spec) == {"gauge_disagrees"}


def test_an_unknown_outcome_is_no_answer():
    def timed_out(sample):
        if sample.name == "wattscan_client_requests_total" and sample.labels["outcome"] == "ok":
            yield sample._replace(labels={**sample.labels, "outcome": "timeout"})

    assert codes(Spec(more=(timed_out,))) == {"errors_or_drops"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("wattscan_sensor_uncertainty_ratio", 3.0, "uncertainty_not_recorded"),
        ("wattscan_sensor_uncertainty_ratio", -0.1, "uncertainty_not_recorded"),
        ("wattscan_generator_cpu_ratio", -5.0, "generator_cpu_not_recorded"),
        ("wattscan_model_quality_ratio", 5.0, "quality_not_recorded"),
    ],
)
def test_evidence_that_can_not_be_is_none(name, value, code):
    assert codes(Spec(edits=(valued(name, value),))) == {code}


@pytest.mark.parametrize(
    ("family", "code"),
    [
        ("wattscan_sensor_up", "sensor_state_not_recorded"),
        (MODEL, "model_not_recorded"),
        ("wattscan_generator_cpu_ratio", "generator_cpu_not_recorded"),
    ],
)
def test_evidence_is_wanted_in_every_window(family, code):
    window = [s for s in spans(Spec()) if (s.precision, s.repeat) == ("fp32", 5)]
    gone = without(family, window[0].start - 8, window[-1].end + 8)
    (reason,) = cells(Spec(interval=5.0, edits=(gone,)))["fp32"].reasons
    assert reason.code == code
    assert reason.sentence.endswith("repeat 5.")


@pytest.mark.parametrize("label", ["sha256", "backend", "provider", "format"])
def test_a_model_that_is_not_wholly_told_is_not_on_record(label):
    def silent(sample):
        labels = {name: text for name, text in sample.labels.items() if name != label}
        return sample._replace(labels=labels)

    assert "model_not_recorded" in codes(Spec(edits=(changed(MODEL, silent),)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "name",
    [ENERGY, COVERED, "wattscan_client_images_total", "wattscan_model_quality_ratio", PHASE_END,
     "wattscan_run_phase_start_timestamp_seconds", "wattscan_sensor_uncertainty_ratio"],
)  # fmt: skip
def test_a_last_sample_that_is_no_number_is_no_sample(name, value):
    """As a staleness marker at the end of each series is."""

    def marked(sample):
        if sample.name == name:
            yield sample._replace(at=sample.at + 0.25, value=value)

    assert {cell.reasons for cell in cells(Spec(more=(marked,))).values()} == {()}


@pytest.mark.parametrize("name", [ENERGY, "wattscan_power_watts", "wattscan_generator_cpu_ratio"])
def test_a_series_of_no_numbers_is_no_series(name):
    absent, marked = without(name), valued(name, float("nan"))
    assert codes(Spec(edits=(marked,))) == codes(Spec(edits=(absent,)))
