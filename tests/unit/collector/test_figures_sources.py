"""Figures: from which source and device each is, and what is absent."""

import numpy as np
import pytest
from edits import changed, without
from figures_rig import reduced, rows
from hypothesis import given
from hypothesis import strategies as st
from run_labels import MODELLED, TARGET
from synthetic import Spec, recording, spans

from wattscan.collector import measure
from wattscan.collector.device import EnergySource
from wattscan.collector.energy import net_energy, phase_energy
from wattscan.collector.readings import Lag
from wattscan.collector.recording import parse_recording
from wattscan.collector.report import report_of
from wattscan.collector.series import Series
from wattscan.collector.windows import Phase
from wattscan.contracts import PaperReading, WattscanError
from wattscan.units import Joules, Seconds


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
