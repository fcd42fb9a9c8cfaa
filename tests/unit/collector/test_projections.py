"""Projections: the arithmetic, its intervals, and what is not projected."""

import argparse
import csv
import io

import pytest
from run_labels import MODELLED
from synthetic import Spec, recording

from wattscan.collector.cells import Figure
from wattscan.collector.cli import add_arguments, run
from wattscan.collector.projection import Assumptions, scans_per_charge
from wattscan.collector.recording import parse_recording
from wattscan.collector.render_csv import csv_table
from wattscan.collector.report import report_of, write
from wattscan.contracts import WattscanError

STANDARD = Spec(wobble=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0))
ALL = Assumptions(50.0, 0.3, "EUR", 400.0)


def projected(spec, assumptions=ALL):
    source = parse_recording(recording(spec).encode(), "r")
    report = report_of(source, assumptions=assumptions)
    table = next(table for table in report.tables if table.name == "projections")
    return report, table


def test_the_arithmetic_and_its_intervals():
    report, table = projected(STANDARD)
    row = table.rows[0].values
    joules = report.measured.cells[0].joules("gross")
    assert joules.mean == pytest.approx(0.8, rel=1e-9)
    low, high = joules.interval
    kwh = 1000 / 3.6e6
    for key, factor in (
        ("kwh_per_1000_scans", kwh),
        ("cost_per_1000_scans", kwh * 0.3),
        ("co2_g_per_1000_scans", kwh * 400),
    ):
        assert row[key] == pytest.approx(0.8 * factor, rel=1e-9)
        assert row[f"{key}_low"] == pytest.approx(low * factor, rel=1e-9)
        assert row[f"{key}_high"] == pytest.approx(high * factor, rel=1e-9)
    # 50 Wh are 180,000 J; the most energy gives the fewest scans.
    assert row["scans_per_charge"] == pytest.approx(180_000 / 0.8, rel=1e-9)
    assert row["scans_per_charge_low"] == pytest.approx(180_000 / high, rel=1e-9)
    assert row["scans_per_charge_high"] == pytest.approx(180_000 / low, rel=1e-9)
    assert (row["energy"], row["verdict"]) == ("0.0002222 ± 0.000022", "valid")
    assert row["charge"].startswith("225000 (20")


def test_nothing_is_assumed_that_is_not_given():
    _, table = projected(STANDARD, Assumptions())
    keys = {column.key for column in table.columns}
    assert "kwh_per_1000_scans" in keys
    assert not any(part in key for key in keys for part in ("cost", "charge", "co2", "price"))
    assert any("Wattscan assumes no battery, no price and no intensity" in n for n in table.notes)


@pytest.mark.parametrize(
    ("assumed", "heading"),
    [
        (Assumptions(battery_watt_hours=50.0), "scans per charge of 50 Wh (95 %)"),
        (Assumptions(price_per_kwh=0.3, currency="CHF"), "cost (± 95 %) [CHF/1,000 scans]"),
        (Assumptions(co2_grams_per_kwh=0.0), "CO2 (± 95 %) [g/1,000 scans]"),
    ],
)
def test_each_option_adds_its_column_alone(assumed, heading):
    _, table = projected(STANDARD, assumed)
    assert table.shown.headings == (
        "task",
        "precision",
        "energy (± 95 %) [kWh/1,000 scans]",
        heading,
        "verdict",
    )


def test_a_figure_that_is_not_valid_says_so_and_has_no_interval_of_two_repeats():
    _, table = projected(Spec(profile="quick", source=MODELLED))
    row = table.rows[0].values
    for name in ("energy", "charge", "cost", "co2"):
        assert row[name].endswith(", indicative")
        assert "±" not in row[name] and " to " not in row[name]
    assert row["kwh_per_1000_scans_low"] is None
    assert any(note.startswith("Modelled, not measured, and of the domain") for note in table.notes)


def test_an_invalid_figure_is_not_projected():
    _, table = projected(Spec(generator_cpu=0.95))
    assert {row.values["verdict"] for row in table.rows} == {"invalid"}
    for row in table.shown.body:
        assert row[2:] == ("none: invalid",) * 4 + ("invalid",)
    line = next(csv.DictReader(io.StringIO(csv_table(table))))
    assert (line["kwh_per_1000_scans"], line["scans_per_charge"]) == ("", "")


def wide(sample):
    is_uncertainty = sample.name == "wattscan_sensor_uncertainty_ratio"
    return sample._replace(value=0.9) if is_uncertainty else sample


def test_an_interval_down_to_zero_leaves_the_scans_open():
    charge = scans_per_charge(1.0, Figure(2.0, 1.0, 1.5, None))
    assert (charge.scans, charge.low, charge.high) == (1800, 800, float("inf"))
    _, table = projected(Spec(edits=(wide,)))
    assert table.rows[0].values["scans_per_charge_high"] is None
    assert " or more)" in table.rows[0].values["charge"]


def collect(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("projections") / "r.om"
    path.write_text(recording(Spec(profile="quick")), encoding="utf-8")
    return path


def test_every_output_has_them(path, tmp_path, capsys):
    given = ("--battery-wh", "50", "--price-per-kwh", "0.3", "--currency", "EUR")
    assert collect("--source", path, "--out", tmp_path, *given, "--co2-g-per-kwh", "400") == 0
    printed = capsys.readouterr().out
    assert "## Projections" in printed
    assert "cost (± 95 %) [EUR/1,000 scans]" in printed
    assert "A real charge gives fewer." in printed
    page = (tmp_path / "report.html").read_text("utf-8")
    assert 'id="table-projections"' in page
    line, _ = csv.DictReader(io.StringIO((tmp_path / "projections.csv").read_text("utf-8")))
    assert (line["battery_wh"], line["price_per_kwh"], line["currency"]) == ("50.0", "0.3", "EUR")
    assert line["co2_g_per_kwh"] == "400.0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--price-per-kwh", "0.3"), "has no currency: give --currency"),
        (("--currency", "EUR"), "give --price-per-kwh too"),
        (("--price-per-kwh", "0.3", "--currency", "a" * 13), "is no short name"),
    ],
)
def test_options_that_do_not_fit_are_told(path, arguments, said):
    with pytest.raises(WattscanError, match=said):
        collect("--source", path, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--battery-wh", "0"),
        ("--battery-wh", "nan"),
        ("--co2-g-per-kwh", "-1"),
        ("--price-per-kwh", "cheap"),
        ("--price-per-kwh", "inf"),
    ],
)
def test_amounts_that_are_none_are_refused(path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        collect("--source", path, *arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_other_tables_do_not_depend_on_them(tmp_path):
    for name, assumed in (("with", ALL), ("without", Assumptions())):
        write(projected(STANDARD, assumed)[0], tmp_path / name)
    for name in ("energy.csv", "paper.csv", "quality.csv", "cells.om"):
        texts = [(tmp_path / each / name).read_bytes() for each in ("with", "without")]
        assert texts[0] == texts[1]
