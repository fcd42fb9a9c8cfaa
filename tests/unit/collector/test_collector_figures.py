"""Known truth in, the same figures out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import MODELLED, TARGET, Spec, changed, joules_per_image, recording, spans, without

from wattscan.collector import measure
from wattscan.collector.device import EnergySource
from wattscan.collector.energy import net_energy, phase_energy
from wattscan.collector.load import Histogram, merged
from wattscan.collector.ratio import Point, energy_ratio, mean_interval
from wattscan.collector.readings import Lag
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.series import Series
from wattscan.collector.windows import Phase
from wattscan.contracts import PaperReading, WattscanError
from wattscan.units import Joules, Seconds


def reduced(spec, run=None):
    return report_of(parse_recording(recording(spec).encode(), "recording.om"), run)


def rows(report, table):
    return [row.values for t in report.tables if t.name == table for row in t.rows]


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


def test_energy_absent_is_shown_as_not_measured():
    report = reduced(Spec(profile="quick", edits=(without("wattscan_energy_source_info"),)))
    row = rows(report, "energy")[0]
    assert row["joules_per_image_gross"] is None
    assert row["verdict"] == "invalid"
    assert "energy_not_measured" in row["reasons"]
    assert "was not measured" in report.headline


def test_images_default_to_ok_requests():
    with_images, without_images = (
        rows(reduced(Spec(profile="quick", edits=edits)), "energy")[0]["images"]
        for edits in ((), (without("wattscan_client_images_total"),))
    )
    assert with_images == without_images


def test_the_paper_s_measure_of_the_first_repeat():
    spec = Spec()
    found = {
        (row["precision"], row["measure"]): (row["pre"], row["post"], row["delta"])
        for row in rows(reduced(spec), "paper")
    }
    assert found["fp32", "power"] == pytest.approx((4000.0, 20000.0, 16000.0))
    assert found["int8", "power"] == pytest.approx((4000.0, 16000.0, 12000.0))
    assert found["fp32", "temperature"] == pytest.approx((40.0, 46.5, 6.5))


def test_a_reading_from_before_its_phase_is_none():
    idle, load = (next(s for s in spans(Spec()) if s.phase == name) for name in ("idle", "load"))
    stale = without("wattscan_power_watts", idle.start, idle.end)
    row = next(r for r in rows(reduced(Spec(edits=(stale,))), "paper") if r["measure"] == "power")
    assert row["pre"] is None
    assert row["post"] == 20000.0
    assert row["delta"] is None
    assert load.end > idle.end


def test_two_devices_of_one_target_are_kept_apart():
    def doubled(sample):
        return sample._replace(labels={**sample.labels, "instance": "other-box:8002"})

    whole = recording(Spec(profile="quick")).splitlines()
    other = recording(
        Spec(
            profile="quick",
            load_watts={"fp32": 99.0, "int8": 99.0},
            edits=(changed("wattscan_energy_joules_total", doubled, instance=TARGET["instance"]),),
        )
    ).splitlines()
    foreign = [line for line in other if "other-box" in line]
    text = "\n".join([*foreign, *whole, ""])
    report = report_of(parse_recording(text.encode(), "r"))
    assert rows(report, "energy")[0]["watts_mean"] == pytest.approx(20.0)


def test_runs_of_any_age_newest_by_default():
    old = Spec(run="old", profile="quick", idle_watts=5.0, end=False)
    new = Spec(run="new", profile="quick", start=old.start + 9000)
    source = parse_recording((recording(old) + recording(new)).encode(), "r")
    assert report_of(source).measured.run.name == "new"
    assert report_of(source, "old").measured.run.name == "old"
    assert rows(report_of(source, "old"), "energy")[0]["watts_idle"] == pytest.approx(5.0)


def test_modelled_names_its_coefficients_everywhere():
    report = reduced(Spec(profile="quick", source=MODELLED))
    assert "1.48 W idle + 2.76 W per busy core" in report.markdown()
    assert "modelled" in report.headline
    assert rows(report, "energy")[0]["method"] == "modelled"


def test_quality_beside_the_paper_s():
    fp32, int8 = rows(reduced(Spec()), "quality")
    assert (fp32["value"], fp32["paper_value"]) == (0.9, 0.96)
    assert (int8["value"], int8["paper_value"]) == (0.897, 0.94)
    assert fp32["phantom"] == "yes"


def test_quality_of_another_artifact_is_not_ours():
    def foreign(sample):
        return sample._replace(labels={**sample.labels, "sha256": "0" * 64})

    edits = (changed("wattscan_model_quality_ratio", foreign, precision="int8"),)
    report = reduced(Spec(profile="quick", edits=edits))
    assert rows(report, "quality")[1]["served"] == "no"
    assert "brain MRI INT8: a score of 0.897 (Dice) is that of another model file" in report.table(
        "quality"
    )


def test_the_edge_tpu_has_no_ratio():
    def delegate(sample):
        return sample._replace(labels={**sample.labels, "provider": "EdgeTPU"})

    edits = (changed("wattscan_model_info", delegate, precision="int8"),)
    row = rows(reduced(Spec(profile="quick", edits=edits)), "energy")[1]
    assert row["ratio_gross"] is None
    assert "host" in row["ratio"]


RAIL = {"sensor": "ina3221", "domain": "POM_5V_GPU", "scope": "rail", "method": "integrated"}
JETSON = {
    "title": "Jetson Nano", "precision": "fp32", "domain": "POM_5V_GPU", "zone": "GPU-therm",
}  # fmt: skip


def with_rail():
    """A run on a board that has the paper's rail beside the table's domain."""

    def zone(sample):
        return sample._replace(labels={**sample.labels, "sensor": "zone", "zone": "GPU-therm"})

    def paper(sample):
        return sample._replace(labels={**sample.labels, "use": "paper"})

    edits = (
        changed("wattscan_temperature_celsius", zone),
        changed("wattscan_energy_source_info", paper),
    )
    rail = Spec(
        profile="quick", source=RAIL, idle_watts=0.0, load_watts={"fp32": 3.376, "int8": 0.0},
        start_celsius={"fp32": 22.5, "int8": 22.5}, edits=edits,
    )  # fmt: skip
    wanted = ("POM_5V_GPU", "GPU-therm")
    extra = [line for line in recording(rail).splitlines() if any(w in line for w in wanted)]
    return "\n".join([*extra, recording(Spec(profile="quick", facts=JETSON))])


def test_the_paper_s_rail_with_the_table_s_domain_beside_it():
    report = report_of(parse_recording(with_rail().encode(), "r"))
    found = {(r["measure"], r["reading"]): r for r in rows(report, "paper")}
    assert {r["precision"] for r in found.values()} == {"fp32"}
    assert found["power", "paper"]["delta"] == pytest.approx(3376.0)
    assert found["power", "paper"]["source"] == "POM_5V_GPU"
    assert found["power", "table"]["delta"] == pytest.approx(16000.0)
    assert found["temperature", "paper"]["delta"] == pytest.approx(6.5)
    assert found["temperature", "paper"]["source"] == "GPU-therm"
    assert "precision fp32, power domain POM_5V_GPU" in report.table("paper")
    assert rows(report, "energy")[0]["domain"] == "package-0"


def test_the_table_s_figure_stands_alone_without_the_rail():
    report = reduced(Spec(profile="quick", facts=JETSON))
    assert {row["reading"] for row in rows(report, "paper")} == {"table"}
    assert "stands alone" in report.table("paper")


TIMES = (Seconds(10.0), Seconds(0.0))


def energy_source(counter, **more):
    names = ("covered", "power", "up", "hardware_resets", "uncertainty_ratio", "lateness")
    lag = Lag(Seconds(0.0), Seconds(0.0), Seconds(0.0))
    series = {**dict.fromkeys(names), "counter": counter, "readings": counter, **more}
    return EnergySource("s", "d", "chip", "counter", lag=lag, quantum=Joules(0.0), **series)


@given(st.floats(0.1, 50), st.floats(0, 50), st.floats(1, 600), st.floats(1, 600))
def test_gross_less_net_is_the_idle_power_s_energy(idle_watts, more, idle_for, load_for):
    times = np.array([0.0, idle_for, idle_for + load_for])
    counted = np.array([0.0, idle_watts * idle_for, 0.0])
    counted[2] = counted[1] + (idle_watts + more) * load_for
    source = energy_source(Series({}, times, counted))
    idle = phase_energy(source, Phase(0.0, idle_for), *TIMES)
    load = phase_energy(source, Phase(idle_for, idle_for + load_for), *TIMES)
    net = net_energy(load, idle)
    assert net == pytest.approx(more * load_for, rel=1e-6, abs=1e-6)
    assert net <= load.joules


@pytest.mark.parametrize("name", ["run", "task", "repeat", "target_instance", "le"])
def test_a_series_without_a_label_is_named(name):
    def stripped(sample):
        labels = {key: text for key, text in sample.labels.items() if key != name}
        return sample._replace(labels=labels) if sample.name.startswith(LOAD) else sample

    with pytest.raises(WattscanError, match=name):
        reduced(Spec(profile="quick", edits=(stripped,)))


LOAD = ("wattscan_run_", "wattscan_client_")


def test_a_reset_that_the_exporter_bridged_is_told():
    times = np.arange(11.0)
    resets = Series({}, times, np.where(times > 4, 1.0, 0.0))
    energies = Series({}, times, times * 3)
    source = energy_source(energies, hardware_resets=resets)
    assert phase_energy(source, Phase(0.0, 10.0), *TIMES).resets == 1
    assert phase_energy(source, Phase(6.0, 10.0), *TIMES).resets == 0


def test_a_target_is_what_its_series_tell_and_not_what_its_name_is():
    """`--target mine/cpu.toml`, a copy of the Jetson's, is called cpu as the packaged one is."""
    spec = Spec(profile="quick", facts=JETSON)
    measured = measure.measure(parse_recording(recording(spec).encode(), "r"), None)
    assert measured.target_title == "Jetson Nano"
    assert measured.paper == PaperReading("fp32", "POM_5V_GPU", "GPU-therm")


def test_a_service_that_does_not_tell_has_its_name_and_no_paper_reading():
    spec = Spec(profile="quick", edits=(without("wattscan_target_info"),))
    measured = measure.measure(parse_recording(recording(spec).encode(), "r"), None)
    assert (measured.target_title, measured.paper) == ("cpu", PaperReading())
