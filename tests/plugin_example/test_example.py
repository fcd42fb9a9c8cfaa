"""The package's own tests: the suites that Wattscan gives."""

import pytest

from wattscan.installation import models_folder
from wattscan.testing import BackendContract, SensorContract, TaskContract


class TestMeter(SensorContract):
    name = "example-meter"

    def arrange(self, sysfs):
        folder = sysfs / "class" / "example_meter"
        folder.mkdir(parents=True)
        (folder / "power_uw").write_text("2500000\n")

    def take_away(self, sysfs):
        (sysfs / "class" / "example_meter" / "power_uw").unlink()


class TestRuntime(BackendContract):
    name = "example-runtime"

    @pytest.fixture
    def model(self):
        return models_folder() / "nerve-ultrasound-int8" / "1" / "model.onnx"


class TestOutline(TaskContract):
    name = "nerve-outline"

    def test_logits_become_a_result(self, task):
        """An outline is not filled: the suite's own test is of areas."""
        import numpy as np
        from wattscan_example.outline import outline

        area = np.zeros((6, 8), np.uint8)
        area[1:5, 2:7] = 1
        assert outline(area).sum() == 2 * 5 + 2 * 2
