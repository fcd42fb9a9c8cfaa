"""Written back by the collector."""

from wattscan.metrics.kind import metric

CELL_ENERGY_JOULES = metric(
    "wattscan_cell_energy_joules",
    "gauge",
    "run target task precision kind",
    "Joules per image; kind is gross or net.",
)

CELL_ENERGY_INTERVAL = metric(
    "wattscan_cell_energy_interval_joules",
    "gauge",
    "run target task precision kind part",
    "The 95 % interval of the joules per image: part is low or high, and scatter, bound and sensor "
    "are what half of it is made of.",
)

CELL_VERDICT = metric(
    "wattscan_cell_verdict",
    "gauge",
    "run target task precision verdict reason",
    "The verdict on a cell, one series for each reason. Always 1.",
)

CELL_NET_VERDICT = metric(
    "wattscan_cell_net_verdict",
    "gauge",
    "run target task precision verdict reason",
    "The verdict on a cell's net energy, one series for each reason. Always 1.",
)
