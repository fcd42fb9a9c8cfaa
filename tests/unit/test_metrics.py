import re

import pytest

from wattscan import metrics

ALL = [m for group in metrics.GROUPS.values() for m in group]


def test_every_metric_of_the_module_is_in_a_group_once():
    declared = [v for v in vars(metrics).values() if isinstance(v, metrics.Metric)]
    assert sorted(map(str, ALL)) == sorted(map(str, declared))


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.name)
def test_names_follow_prometheus(metric):
    assert re.fullmatch(r"wattscan_[a-z_]+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert not {"job", "instance", "le"} & set(metric.labels)
    assert metric.help.endswith(".")
