"""What a comparison of two runs says."""

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from compare_rig import against, base, pair
from compared_runs import labelled, machine, report, spec

from wattscan.collector.compare_cli import exit_code
from wattscan.collector.windows import Run


def outcomes(comparison):
    return {pair.judgement.outcome for _, pair in comparison.decisive}


def changes(comparison):
    return {(f.group, f.name): (f.a, f.b) for f in comparison.facts if f.changed}


def test_runs_that_are_alike_show_no_difference():
    comparison, text = against(spec(run="again", start=1_732_386_400.0))
    assert outcomes(comparison) == {"no_difference_shown", "same"}
    assert exit_code(comparison, strict=True) == 0
    assert changes(comparison) == {}
    assert "Nothing that is on record differs." in text
    assert "The load differs" not in text
    # One machine, one sensor: its 5 % cancel, and what is left is scatter and bound.
    assert comparison.why_two_sensors == ""
    gross = pair(comparison, "gross")
    assert 0.985 < gross.ratio.low < 1 < gross.ratio.high < 1.015


def test_the_same_run_is_said_to_be_the_same():
    comparison, text = against(base())
    assert comparison.is_one_run
    assert text.splitlines()[2] == "Both are the same run: nothing can differ."


@pytest.mark.parametrize(
    ("watts", "outcome", "code"),
    [
        (18.0, "worse_beyond_threshold", 1),
        (16.32, "worse", 0),
        (14.0, "better", 0),
    ],
)
def test_energy(watts, outcome, code):
    comparison, _ = against(spec(load_watts={"fp32": 20.0, "int8": watts}))
    gross = pair(comparison, "gross")
    assert gross.ratio.value == pytest.approx(watts / 16, rel=1e-6)
    assert gross.judgement.outcome == outcome
    assert pair(comparison, "gross", "fp32").judgement.outcome == "no_difference_shown"
    assert exit_code(comparison, strict=False) == code


def test_net_energy_is_told_and_decides_nothing():
    # The idle machine takes less, and the load as much as before: net is more, gross is not.
    comparison, _ = against(spec(idle_watts=2.0))
    net = pair(comparison, "net")
    assert net.judgement.outcome == "worse"
    assert not net.decides
    assert exit_code(comparison, strict=True) == 0


def test_latency():
    # As many joules of an image, and half as long again.
    slower = spec(latency={"fp32": 0.04, "int8": 0.03}, load_watts={"fp32": 20.0, "int8": 16 / 1.5})
    comparison, text = against(slower)
    assert [p.name for _, p in comparison.worse] == ["p50", "p90", "p99"]
    assert pair(comparison, "gross").judgement.outcome == "no_difference_shown"
    p90 = pair(comparison, "p90")
    # Each percentile lies anywhere in a bucket 5 % wide.
    assert p90.ratio.low < p90.ratio.value / 1.001
    assert p90.ratio.high > p90.ratio.value * 1.001
    assert "- brain MRI INT8, p50: worse by 4" in text


def test_without_an_interval_nothing_is_shown_unless_strict():
    quick = [report(spec(run=name, profile="quick", load_watts={"fp32": 20.0, "int8": watts}))
             for name, watts in (("a", 16.0), ("b", 24.0))]  # fmt: skip
    comparison, text = against(quick[1], quick[0])
    assert pair(comparison, "gross").judgement.outcome == "not_shown"
    assert [p.name for _, p in comparison.unproven] == ["gross"]
    assert exit_code(comparison, strict=False) == 0
    assert exit_code(comparison, strict=True) == 1
    assert "Beyond the threshold, without that being shown:" in text
    assert "higher by 50.0 %, which shows nothing: an interval takes 4 repeats" in text


def test_what_shapes_the_load_is_said_first():
    other = spec(
        profile="quick", edits=(labelled("wattscan_run_info", scenario="Offline", seed="8"),)
    )
    comparison, text = against(other)
    assert text.splitlines()[2] == (
        "The load differs: profile is standard in A and quick in B; scenario is SingleStream in A "
        "and Offline in B; seed is 7 in A and 8 in B. A difference below may come from that alone."
    )
    assert changes(comparison)["load", "seed"] == ("7", "8")


@dataclass(frozen=True)
class LaterRun(Run):
    """A run of a later version, with facts that this one does not know."""

    # A later version may know it as something else than this one does.
    workload: Any = None
    pacing: str = ""


def later(found, **facts):
    run = LaterRun(**{field.name: getattr(found.measured.run, field.name) for field in fields(Run)})
    return replace(found, measured=replace(found.measured, run=replace(run, **facts)))


def test_facts_of_the_load_that_are_not_known_are_compared_all_the_same():
    one = later(base(), workload={"rate": 20, "images": ["a", "b"], "mix": {"ct": 1}})
    other = later(base(), workload={"rate": 40, "images": ["a", "b"], "mix": {"ct": 2}}, pacing="x")
    comparison, text = against(other, one)
    assert changes(comparison) == {
        ("load", "workload: rate"): ("20", "40"),
        ("load", "workload: mix: ct"): ("1", "2"),
        ("load", "pacing"): ("not on record", "x"),
    }
    assert "workload: rate is 20 in A and 40 in B" in text.splitlines()[4]
    # A run of before says nothing of it.
    comparison, _ = against(one)
    assert changes(comparison)["load", "workload: rate"] == ("not on record", "20")


def test_what_changed_is_told():
    other = spec(
        more=(machine(kernel="6.12.0", driver="NVIDIA 570.1", python="3.13.1", wattscan="0.2.0"),),
        edits=(
            labelled("wattscan_model_info", {"precision": "int8"}, sha256="c" * 64, threads="2"),
            labelled("wattscan_model_quality_ratio", {"precision": "int8"}, sha256="c" * 64),
            labelled("wattscan_model_info", engine_version="1.32.0"),
            labelled("wattscan_run_info", version="0.2.0"),
        ),
    )
    comparison, text = against(other)
    assert changes(comparison) == {
        ("model", "SHA-256"): ("8" * 64, "c" * 64),
        ("engine", "engine's version"): ("not on record", "1.32.0"),
        ("engine", "threads"): ("not on record", "2"),
        ("machine", "Kernel"): ("6.1.0", "6.12.0"),
        ("driver", "NVIDIA driver"): ("none", "NVIDIA 570.1"),
        ("software", "Python"): ("3.11.2", "3.13.1"),
        ("software", "Wattscan on the target"): ("0.1.0", "0.2.0"),
        ("software", "Wattscan of the load generator"): ("0.1.0", "0.2.0"),
    }
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["model: SHA-256", "brain MRI INT8", "8" * 12 + "...", "c" * 12 + "..."] in rows
    assert ["engine: engine's version", "all", "not on record", "1.32.0"] in rows
    # Another kernel and driver make no other machine.
    assert comparison.why_two_sensors == ""
