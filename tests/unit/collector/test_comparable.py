"""Which runs and cells may be compared."""

import pytest
from compare_rig import against, pair
from compared_runs import labelled, machine, report, spec
from edits import changed, valued, without
from run_labels import MODELLED

from wattscan.collector.compare_cli import exit_code
from wattscan.contracts import WattscanError


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
