"""What `wattscan compare` says of two runs: facts, what is comparable, and judgements."""

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from compared_runs import labelled, machine, report, spec
from synthetic import MODELLED, Spec, changed, valued, without

from wattscan.collector.compare import compare
from wattscan.collector.compare_cli import exit_code
from wattscan.collector.compare_judgement import Thresholds
from wattscan.collector.compare_text import page
from wattscan.collector.windows import Run
from wattscan.contracts import WattscanError

LIMITS = Thresholds()
BASE = report(spec(run="base"))


def against(made, base=BASE, **options):
    """A comparison of a run with the base, and its page."""
    other = report(made) if isinstance(made, Spec) else made
    comparison = compare(base.measured, other.measured, LIMITS, **options)
    return comparison, page(comparison, (base, other))


def pair(comparison, name, precision="int8"):
    cell = next(cell for cell in comparison.cells if cell.precision == precision)
    return next(pair for pair in cell.pairs if pair.name.startswith(name))


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
    comparison, text = against(BASE)
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
    one = later(BASE, workload={"rate": 20, "images": ["a", "b"], "mix": {"ct": 1}})
    other = later(BASE, workload={"rate": 40, "images": ["a", "b"], "mix": {"ct": 2}}, pacing="x")
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


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (spec(more=(machine(processor="Another"),)), "the machine's processor differs"),
        (spec(more=()), "a run does not tell of its machine"),
        (spec(more=(machine(cores=""),)), "the machine's cores differs or is not on record"),
        (spec(source={"sensor": "other", "domain": "package-0", "scope": "chip",
                      "method": "counter"}), "the sensors differ"),
    ],
)  # fmt: skip
def test_a_sensor_s_error_cancels_on_one_machine_alone(other, why):
    comparison, text = against(other)
    assert why in comparison.why_two_sensors
    assert f"counts in both runs, because {comparison.why_two_sensors}" in text
    gross = pair(comparison, "gross")
    # 1.96 x 5 % of either sensor.
    assert gross.ratio.high > 1.14
    assert gross.judgement.sentence.endswith("worse by more than 5 % is not ruled out")


def test_where_energy_comes_from_is_said_and_that_it_is_modelled():
    modelled = [report(spec(run=name, source=MODELLED)) for name in "ab"]
    _, text = against(modelled[1], modelled[0])
    assert "\n\nPower is modelled, not measured: by cpu_model, domain cpu: 1.48 W idle" in text
    _, text = against(modelled[1])
    assert "\n\nA: Sensor rapl, domain package-0, scope chip, method counter;" in text
    assert "(1 sigma). B: Power is modelled, not measured" in text


def test_two_machines_that_look_alike_can_be_said_to_be_two():
    comparison, _ = against(spec(), two_machines=True)
    assert comparison.why_two_sensors == "--two-machines was given"
    assert pair(comparison, "gross").ratio.high > 1.14


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (MODELLED, "the energy of A is counter, that of B modelled"),
        ({"sensor": "meter", "domain": "inlet", "scope": "system", "method": "counter"},
         "scopes are not compared"),
        ({"sensor": "rapl", "domain": "package-1", "scope": "chip", "method": "counter"},
         "A has the energy of package-0 (scope chip), B of package-1 (scope chip)"),
    ],
)  # fmt: skip
def test_energies_of_different_kinds_are_not_compared(source, why):
    comparison, text = against(spec(source=source))
    gross = pair(comparison, "gross")
    assert gross.ratio is None
    assert why in gross.judgement.sentence
    assert pair(comparison, "p50").ratio is not None
    assert exit_code(comparison, strict=False) == 0
    assert exit_code(comparison, strict=True) == 1
    assert "Not compared:" in text


def test_a_model_on_another_device_is_not_compared_under_a_processor_s_domain():
    moved = (labelled("wattscan_model_info", {"precision": "int8"}, provider="NPU"),)
    comparison, _ = against(spec(edits=moved))
    why = "it ran on the processor in A, on the NPU in B, which package-0 does not cover"
    assert pair(comparison, "gross").judgement.sentence == f"not compared: {why}"


def test_an_invalid_cell_is_not_compared_and_says_why():
    hot = spec(edits=(valued("wattscan_throttled", 1.0),))
    comparison, text = against(hot)
    assert all(cell.why_not == "B is invalid (throttled)" for cell in comparison.cells)
    assert "- brain MRI FP32: B is invalid (throttled)" in text
    # Nothing is left that the runs measured.
    assert exit_code(comparison, strict=False) == 2


def test_a_cell_that_one_run_lacks_is_not_compared():
    comparison, text = against(spec(precisions=("fp32",)))
    assert [cell.why_not for cell in comparison.cells] == ["", "B did not measure it"]
    assert "| all" in text
    assert exit_code(comparison, strict=False) == 0
    assert exit_code(comparison, strict=True) == 1


def test_runs_without_a_common_cell_cannot_be_compared():
    with pytest.raises(WattscanError, match=r"cannot be compared: A has brain MRI FP32, .* B has"):
        against(spec(tasks=("chest-xray",)))


NEW_MODEL = (
    labelled("wattscan_model_info", {"precision": "int8"}, sha256="c" * 64),
    labelled("wattscan_model_ptq_quality_ratio", {"precision": "int8"}, sha256="c" * 64),
    labelled("wattscan_model_quality_ratio", {"precision": "int8"}, sha256="c" * 64),
    labelled("wattscan_model_quality_difference_ratio", {"precision": "int8"}, sha256="c" * 64),
)


@pytest.mark.parametrize(
    ("score", "outcome", "said"),
    [
        (0.8925, "worse", "lower by 0.5 % on this data set, within the threshold of 1 %"),
        (0.85, "worse_beyond_threshold", "lower by 5.2 % on this data set, beyond"),
        (0.899, "better", "higher by 0.2 % on this data set; for other images no difference"),
        (0.897, "same", "the same score on this data set"),
    ],
)
def test_quality_is_judged_by_the_scores_of_one_data_set(score, outcome, said):
    comparison, _ = against(spec(quality={"fp32": 0.9, "int8": score}, edits=NEW_MODEL))
    dice = pair(comparison, "Dice on brain-mri-phantom")
    assert (dice.a, dice.b) == (0.897, score)
    assert dice.judgement.outcome == outcome
    assert said in dice.judgement.sentence
    # Two cards' intervals of the difference from one FP32 model.
    half = (0.0021 + 0.0042) * 2.2414 / 1.96
    assert dice.ratio.high - dice.ratio.low == pytest.approx(2 * half / 0.897, rel=1e-6)
    assert exit_code(comparison, strict=False) == (outcome == "worse_beyond_threshold")


def test_a_score_that_makes_the_cell_invalid_is_still_compared():
    comparison, _ = against(spec(quality={"fp32": 0.9, "int8": 0.85}, edits=NEW_MODEL))
    int8 = comparison.cells[1]
    assert "int8_quality_below_99_percent" in int8.why_not
    assert [p.kind for p in int8.pairs] == ["quality"]
    assert exit_code(comparison, strict=False) == 1


def test_scores_of_different_data_sets_are_not_compared():
    def renamed(sample):
        return sample._replace(labels={**sample.labels, "dataset": "another"})

    comparison, _ = against(spec(edits=(changed("wattscan_model_quality_ratio", renamed),)))
    found = {p.name: p.judgement.sentence for _, p in comparison.decisive if p.kind == "quality"}
    assert found == {
        "Dice on brain-mri-phantom": "not compared: B has no such score",
        "Dice on another": "not compared: A has no such score",
    }
    assert exit_code(comparison, strict=True) == 1


def test_what_neither_run_has_is_not_missing():
    bare = (without("wattscan_client_latency_seconds_bucket"),)
    base = report(spec(run="a", edits=bare))
    comparison, _ = against(spec(run="b", edits=bare), base)
    assert pair(comparison, "p50").judgement.outcome == "not_compared"
    assert comparison.left_out == []
    assert exit_code(comparison, strict=True) == 0


def test_markdown_of_labels_is_escaped():
    hostile = spec(edits=(labelled("wattscan_run_info", seed="<b>|`x`"),))
    _, text = against(hostile)
    assert "<b>" not in text
