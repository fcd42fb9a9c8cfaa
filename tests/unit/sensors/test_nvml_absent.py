"""Power and energy of NVIDIA GPUs: what is missing or fails."""

import pytest
from nvml_rig import build, run

from wattscan.contracts import WattscanError
from wattscan.sensors import nvml


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build(tmp_path_factory.mktemp("driver"))


def test_a_gpu_that_refuses_its_handle_leaves_the_others(driver):
    got = run(driver, {"COUNT": "2", "HANDLE_0": "!4", "ENERGY_1": "2000"})
    assert got["states"][0] == {"nvml": {"gpu1": ["board", 2.0]}}


@pytest.mark.parametrize("devices", [[1], ["GPU-1"], [1, "GPU-1"]])
def test_the_settings_choose_gpus_by_index_or_uuid(driver, devices):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, settings={"devices": devices})
    assert got["states"][0] == {"nvml": {"gpu1": ["board", 2.0]}}


def test_what_fails_later_is_a_failure_with_its_reason(driver):
    gpu = {"COUNT": "1", "ENERGY_0": "1000", "DEGREES_0": "41"}
    reasons = {"!15": "gone", "!3": "not_supported", "!4": "permission", "!999": "nvml_999"}
    got = run(driver, gpu, later=[{"ENERGY_0": code, "DEGREES_0": code} for code in reasons])
    assert got["states"][1:] == [
        {"nvml": {"failed": reason}, "nvml_temperature": {"failed": reason}}
        for reason in reasons.values()
    ]


def test_a_field_that_fails_later_is_a_failure_though_its_call_succeeds(driver):
    got = run(driver, {"COUNT": "1", "INSTANT_0": "75500"}, later=[{"INSTANT_0": "!15"}])
    assert got["states"][1] == {"nvml": {"failed": "gone"}}


def test_a_gpu_lost_later_leaves_the_others(driver):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, later=[{"ENERGY_0": "!15"}])
    assert got["states"][1] == {"nvml": {"gpu1": ["board", 2.0]}}


def test_no_library_is_absent_with_the_way_out(tmp_path):
    # The loader stops at this file, so that a machine with a driver tests the same.
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert "libnvidia-ml.so.1 is not here: install the NVIDIA driver" in run(tmp_path, {})["absent"]


@pytest.mark.parametrize(
    ("gpus", "reason"),
    [
        ({"INIT": "!9"}, "not loaded: modprobe nvidia"),
        ({"INIT": "!4"}, "grant this user /dev/nvidiactl"),
        ({"INIT": "!18"}, "reload it, or reboot"),
        ({"INIT": "!999"}, "does not answer: Unknown Error (NVML error 999)"),
        ({"COUNT": "!27"}, "does not answer: as the mock was told (NVML error 27)"),
        ({"COUNT": "0"}, "no GPU that can be addressed: in a container, pass one in"),
        ({"COUNT": "1", "HANDLE_0": "!15"}, "Refused: 0 (GPU is lost)"),
        ({"COUNT": "1"}, "gpu0: the driver gives neither energy, power nor temperature"),
    ],
)
def test_what_is_not_here_says_why(driver, gpus, reason):
    assert reason in run(driver, gpus)["absent"]


def test_a_gpu_that_is_named_and_not_here_is_absent(driver):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, settings={"devices": [0, "MIG-7"]})
    assert "no GPU MIG-7" in got["absent"]
    assert "1 (GPU-1)" in got["absent"]


@pytest.mark.parametrize("devices", [[], "0", [True], [1.5]])
def test_devices_that_are_no_names_are_refused(tmp_path, devices):
    with pytest.raises(WattscanError, match="devices must be a list"):
        nvml.find({"devices": devices}, tmp_path)


def test_a_setting_that_nobody_reads_is_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key gpu"):
        nvml.find({"gpu": 0}, tmp_path)
