"""The metric contract, once: every metric's name, type, labels and meaning.

Exporters declare their metrics from these records, the collector and the load generator take the
names from here, and `docs/metrics.md` is generated from them.
"""

from wattscan.metrics import cells, load, serving, telemetry
from wattscan.metrics.cells import *
from wattscan.metrics.kind import Metric as Metric
from wattscan.metrics.kind import metrics_of
from wattscan.metrics.load import *
from wattscan.metrics.serving import *
from wattscan.metrics.telemetry import *

TELEMETRY = metrics_of(telemetry)
"""What the service of each target exports of its sensors."""

GROUPS = {
    "Telemetry (exported by the service of each target)": TELEMETRY,
    "Serving (exported by the service of each target)": metrics_of(serving),
    "Load (exported by the load generator)": metrics_of(load),
    "Written back (by the collector)": metrics_of(cells),
}
"""Who exports what, in the order of the documentation."""
