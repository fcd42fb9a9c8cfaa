import re

import pytest

from wattscan.contracts import Limits, WattscanError
from wattscan.targets import load_target, target_names

GOOD = """
title = "A board"
sample_interval_seconds = 0.1
queue_limit = 4
[backend]
name = "litert"
threads = 2
[[sensors]]
name = "hwmon"
uncertainty_ratio = 0.1
[paper]
precision = "fp32"
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "board.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("name", target_names())
def test_every_target_of_the_package_loads(name):
    assert load_target(name).name == name


def test_a_file_is_a_target(write):
    target = load_target(write(GOOD))
    assert (target.name, target.backend, target.batching.queue_limit) == ("board", "litert", 4)
    assert target.backend_settings == {"threads": 2}
    assert target.sensors[0].settings == {"uncertainty_ratio": 0.1}
    assert target.paper.precision == "fp32"
    assert target.paper.domain is None


def test_a_small_board_takes_less_than_a_workstation(write):
    assert load_target("cpu").limits == Limits()
    assert load_target("jetson-nano").limits.max_pixels < Limits().max_pixels
    assert load_target(write(GOOD + "[limits]\nmax_pixels = 1000\n")).limits == Limits(
        max_pixels=1000
    )


def test_an_unknown_target_names_those_there_are():
    with pytest.raises(WattscanError, match=r"no target called 'toaster'; there is: .*cpu"):
        load_target("toaster")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = [", "not valid TOML"),
        (GOOD.replace("queue_limit = 4", ""), "queue_limit must be"),
        (GOOD.replace("queue_limit = 4", "queue_limit = true"), "queue_limit must be"),
        (GOOD.replace("= 0.1\nqueue", "= inf\nqueue"), "sample_interval_seconds must be"),
        (GOOD.replace('precision = "fp32"', 'precision = "FP 8"'), "the precision is 'FP 8'"),
        (GOOD.replace('precision = "fp32"', "domain = 5"), "must be texts"),
        (GOOD.replace("queue_limit = 4", "queue_limit = 0"), "queue_limit must be"),
        (GOOD.replace("queue_limit = 4", 'queue_limit = "4"'), "queue_limit must be"),
        (GOOD.replace("= 0.1\nqueue", "= 0\nqueue"), "sample_interval_seconds must be"),
        (GOOD.replace("title", "titel"), "unknown key titel"),
        (GOOD.replace('name = "litert"', ""), "'name' is missing"),
        (GOOD.replace("precision =", "precison ="), "paper must be"),
        (GOOD + "[batching]\nmax_batch_size = 0\n", "max_batch_size must be"),
        (GOOD + "[batching]\nsize = 1\n", "unknown key size"),
        (GOOD + f"x = {'[' * 20_000}\n", "nested too deep"),
        (GOOD.replace("queue_limit = 4", f"queue_limit = {'9' * 5000}"), "not valid TOML"),
        (GOOD.replace("queue_limit = 4", f"queue_limit = 0x{'f' * 5000}"), "up to 1000000, not a"),
        (GOOD.replace('"A board"', "5"), "title must be a text"),
        (GOOD.replace('"A board"', '""'), "'title' is missing"),
        (GOOD.replace('"litert"', "7"), "name must be a text"),
        (GOOD.replace('"hwmon"', '["hwmon"]'), "name must be a text"),
        (GOOD.replace("[paper]", "unless = 5\n[paper]"), "unless must be a text"),
        (GOOD.replace("[paper]", "calibration = 5\n[paper]"), "calibration must be a text"),
        (GOOD + "[batching]\ninstances = 100000\n", "instances must be .* up to 1024"),
        (GOOD + "[batching]\nmax_batch_size = 10000000000\n", "up to 1000000"),
        (GOOD + f"[limits]\nmax_bytes = {10**20}\n", "max_bytes must be .* up to 2147483647"),
        ("backend = 3\n" + GOOD.split("[backend]", maxsplit=1)[0], "missing"),
    ],
)
def test_a_wrong_file_is_told_with_what_is_wrong(write, text, complaint):
    with pytest.raises(WattscanError, match=complaint) as caught:
        load_target(write(text))
    assert "board.toml" in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(WattscanError, match="No such file"):
        load_target(str(tmp_path / "none.toml"))


BOARD = "title = 'B'\nsample_interval_seconds = 0.1\nqueue_limit = 4\n[backend]\nname = 'litert'\n"
RAPL = "[[sensors]]\nname = 'rapl'\n"


@pytest.mark.parametrize(
    "sensors, told",
    [
        (RAPL + RAPL, "two sensors are called rapl"),
        (RAPL + "unless = 'rapll'\n", "unless must name a sensor above rapl"),
        (RAPL + "unless = 'rapl'\n", "unless must name a sensor above rapl"),
        (RAPL + "floor_watts = 3\n", "floor_watts must be a table"),
        (RAPL + "interval_seconds = 0\n", "interval_seconds must be from"),
        (RAPL + "frozen_after_seconds = 1e300\n", "up to 1e+15"),
        (RAPL + f"frozen_after_seconds = 1{'0' * 400}\n", "up to 1e+15"),
    ],
)
def test_what_a_sensor_s_entry_must_not_say(tmp_path, sensors, told):
    path = tmp_path / "board.toml"
    path.write_text(BOARD + sensors)
    with pytest.raises(WattscanError, match=re.escape(told)):
        load_target(str(path))
