"""Figures: energy, ratios, latencies and their intervals."""

import numpy as np
import pytest
from edits import without
from figures_rig import reduced, rows
from synthetic import Spec, joules_per_image

from wattscan.collector.load import Histogram, merged
from wattscan.collector.ratio import Point, energy_ratio, mean_interval


def test_energy_is_exact_and_valid():
    spec = Spec(wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0))
    report = reduced(spec)
    for row in rows(report, "energy"):
        precision = row["precision"]
        assert row["joules_per_image_gross"] == pytest.approx(
            joules_per_image(spec, "brain-mri", precision), rel=1e-9
        )
        assert row["joules_per_image_net"] == pytest.approx(
            joules_per_image(spec, "brain-mri", precision, net=True), rel=1e-9
        )
        assert row["watts_mean"] == pytest.approx(spec.load_watts[precision], rel=1e-9)
        assert row["watts_idle"] == pytest.approx(spec.idle_watts, rel=1e-9)
        assert row["images_per_second"] == pytest.approx(1 / spec.latency[precision], rel=1e-9)
        assert row["verdict"] == "valid"
        assert row["reasons"] == "none"
        assert row["repeats"] == 6
        assert row["sensor_uncertainty_ratio"] == 0.05
        assert (row["domain"], row["scope"], row["method"]) == ("package-0", "chip", "counter")


def test_ratio_and_its_interval():
    int8 = rows(reduced(Spec(wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0))), "energy")[1]
    assert int8["ratio_gross"] == pytest.approx(2.5, rel=1e-3)
    assert int8["ratio_gross_low"] < 2.5 < int8["ratio_gross_high"]
    assert int8["ratio_net"] == pytest.approx((16 * 0.04) / (12 * 0.02), rel=1e-3)


def test_latencies():
    row = rows(reduced(Spec()), "energy")[0]
    # A normal distribution around 40 ms with 6 % of spread, in 5 % buckets.
    assert row["latency_p50_milliseconds"] == pytest.approx(40, rel=0.01)
    assert row["latency_p90_milliseconds"] == pytest.approx(40 * (1 + 0.06 * 1.2816), rel=0.01)
    assert row["latency_p99_milliseconds"] == pytest.approx(40 * (1 + 0.06 * 2.3263), rel=0.02)


def test_quantiles_are_linear_within_a_bucket():
    histogram = Histogram((0.1, 0.2, float("inf")), (100.0, 1000.0, 1000.0))
    assert histogram.quantile(0.5) == pytest.approx(0.1 + 0.1 * 400 / 900)
    assert histogram.quantile(0.05) == pytest.approx(0.05)


@pytest.mark.parametrize(("ratio", "needed"), [(0.9, 64), (0.99, 662)])
def test_percentiles_need_queries(ratio, needed):
    few, enough = (Histogram((0.1,), (float(count),)) for count in (needed - 1, needed))
    assert few.quantile(ratio) is None
    assert enough.quantile(ratio) is not None


def test_a_percentile_over_the_last_bound_is_not_made_up():
    assert Histogram((0.1, float("inf")), (10.0, 1000.0)).quantile(0.9) is None


def test_histograms_merge():
    one = Histogram((0.1, 0.2, float("inf")), (1.0, 3.0, 4.0))
    two = Histogram((0.1, 0.3, float("inf")), (2.0, 5.0, 5.0))
    both = merged([one, two])
    assert both == Histogram((0.1, 0.2, 0.3, float("inf")), (3.0, 5.0, 8.0, 9.0))
    assert merged([]) is None


def test_a_ratio_recovers_truth_under_drift():
    noise = np.random.default_rng(1).normal(0, 0.002, 12)
    points = [
        Point(60.0 * i, (3.0 if i % 4 in (0, 3) else 1.0) * float(np.exp(0.01 * i + noise[i])))
        for i in range(12)
    ]
    fp32 = [point for i, point in enumerate(points) if i % 4 in (0, 3)]
    int8 = [point for i, point in enumerate(points) if i % 4 in (1, 2)]
    ratio = energy_ratio(fp32, int8)
    assert ratio.low < 3.0 < ratio.high
    assert ratio.value == pytest.approx(3.0, rel=0.005)
    assert ratio.shows_a_difference
    assert ratio.high / ratio.low < 1.02


def test_the_interval_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(400):
        logs = generator.normal(0, 0.02, 12)
        points = [Point(float(i), float(np.exp(value))) for i, value in enumerate(logs)]
        ratio = energy_ratio(points[::2], points[1::2])
        hits += ratio.low <= 1 <= ratio.high
    assert 0.92 <= hits / 400 <= 0.98


def test_a_ratio_without_an_interval():
    ratio = energy_ratio([Point(0, 2.0), Point(3, 2.0)], [Point(1, 1.0), Point(2, 1.0)])
    assert ratio.value == pytest.approx(2.0)
    assert ratio.low is ratio.high is ratio.shows_a_difference is None
    assert energy_ratio([Point(0, 1.0)], []) is None
    assert energy_ratio([Point(0, 3.0)], [Point(0, 1.5)]).value == pytest.approx(2.0)


def test_no_difference_is_said():
    spec = Spec(
        load_watts={"fp32": 16.0, "int8": 16.0},
        latency={"fp32": 0.02, "int8": 0.02},
        wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0),
    )
    report = reduced(spec)
    assert "no difference shown" in rows(report, "energy")[1]["ratio"]
    assert "no difference shown on brain MRI" in report.headline


def test_mean_interval_against_a_table():
    # t(3 degrees of freedom, 97.5 %) = 3.182
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    half = 3.182446 * np.std([1, 2, 3, 4], ddof=1) / 2
    assert (low, high) == pytest.approx((2.5 - half, 2.5 + half))
    assert mean_interval([1.0, 2.0, 3.0]) is None


def test_fp32_only_and_nothing_but_energy():
    bare = ("wattscan_temperature_celsius", "wattscan_client_latency_seconds_bucket")
    edits = (*(without(name) for name in bare), without("wattscan_model_quality_ratio"))
    report = reduced(Spec(profile="quick", precisions=("fp32",), edits=edits))
    text = report.markdown()
    (row,) = rows(report, "energy")
    assert row["latency_p50_milliseconds"] is None
    assert row["ratio"] == "only one variant was measured"
    assert "not measured" in text
    assert "temperature_not_measured" in row["reasons"]
