"""Contract suites for plug-ins, for pytest: a vendor subclasses one and says what its plug-in is.

    from wattscan.testing import SensorContract

    class TestOurMeter(SensorContract):
        name = "our-meter"

        def arrange(self, sysfs):
            (sysfs / "power_uw").write_text("2500000")

        def take_away(self, sysfs):
            (sysfs / "power_uw").unlink()

They are the suites that Wattscan's own plug-ins pass (docs/plugins.md). They need pytest.
"""

from wattscan.testing.backends import BackendContract
from wattscan.testing.sensors import SensorContract
from wattscan.testing.tasks import TaskContract

__all__ = ["BackendContract", "SensorContract", "TaskContract"]
