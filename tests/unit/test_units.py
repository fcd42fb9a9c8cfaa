import pytest

from wattscan import units


@pytest.mark.parametrize(
    ("convert", "native", "expected"),
    [
        (units.joules_from_nanojoules, 2_500_000_000, 2.5),
        (units.joules_from_microjoules, 2_500_000, 2.5),
        (units.joules_from_millijoules, 2_500, 2.5),
        (units.watts_from_milliwatts, 3376, 3.376),
        (units.watts_from_microwatts, 65_000_000, 65.0),
        (units.celsius_from_millidegrees, 41_500, 41.5),
        (units.milliwatts_from_watts, 1.3, 1300.0),
    ],
)
def test_native_units_become_base_units(convert, native, expected):
    assert convert(native) == pytest.approx(expected)


def test_millivolts_times_milliamperes():
    assert units.watts_from_millivolts_milliamperes(5000, 1401) == pytest.approx(7.005)


def test_power_and_energy_are_inverse():
    work = units.energy(units.Watts(12.0), units.Seconds(4.0))
    assert work == 48.0
    assert units.mean_power(work, units.Seconds(4.0)) == 12.0
