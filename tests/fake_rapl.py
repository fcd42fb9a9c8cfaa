"""A counter of energy as the kernel shows it, for tests."""

import threading
import time


class FakeRapl:
    """A powercap tree whose counter runs at 40 W until it is unplugged."""

    def __init__(self, root, also=lambda: None):
        self.root, self.also = root, also
        self.zone = root / "class" / "powercap" / "intel-rapl:0"
        self.zone.mkdir(parents=True)
        (self.zone / "name").write_text("package-0")
        (self.zone / "max_energy_range_uj").write_text("262143328850")
        self.counter = self.zone / "energy_uj"
        self.begun = time.monotonic()
        self.unplugged, self.ended = threading.Event(), threading.Event()
        self.write()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.unplugged.wait(0.005):
            self.write()
        self.counter.unlink()
        while not self.ended.wait(0.2):
            self.also()

    def write(self):
        fresh = self.counter.with_suffix(".new")
        fresh.write_text(str(round((time.monotonic() - self.begun) * 40e6)))
        fresh.replace(self.counter)

    def joules(self):
        """What the counter shows now."""
        return int(self.counter.read_text()) / 1e6

    def end(self):
        """No thread is left."""
        self.unplugged.set()
        self.ended.set()
        self.thread.join()
