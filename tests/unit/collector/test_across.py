"""Several targets side by side: their names, their rows, and what may be compared."""

import pytest
from edits import changed
from made_targets import BOARD, LATER, PLUG, report_of_target
from run_labels import MODELLED

from wattscan.collector.across import Failure, across
from wattscan.collector.across_ratio import ratios_table, target_ratios
from wattscan.collector.across_report import summary, tables_of
from wattscan.collector.across_rows import figures
from wattscan.collector.across_text import cautions, headline
from wattscan.contracts import WattscanError

WORKLOAD = {"name": "custom", "protocol": "wattscan.v1", "clients": "1", "images": "phantom"}


@pytest.fixture(scope="module")
def reports():
    """Two boards of one kind, a chip, a model, and a plug."""
    return {
        "chip": report_of_target("cpu"),
        "one": report_of_target("jetson", "10.0.0.4:8002", "run-1", source=BOARD),
        "two": report_of_target(
            "jetson", "10.0.0.5:8002", "run-2", source=BOARD, start=LATER,
            load_watts={"fp32": 40.0, "int8": 16.0},
        ),
        "modelled": report_of_target("laptop", source=MODELLED),
        "plug": report_of_target("tower", source=PLUG),
        "quick": report_of_target("small", source=BOARD, profile="quick"),
    }  # fmt: skip


def of(reports, *names):
    return across([reports[name] for name in names])


def test_two_boards_of_one_target_are_told_apart_by_their_address(reports):
    found = of(reports, "chip", "one", "two")
    assert [target.name for target in found.targets] == [
        "cpu", "jetson (10.0.0.4:8002)", "jetson (10.0.0.5:8002)"
    ]  # fmt: skip


def test_two_runs_of_one_service_are_told_apart_by_their_run(reports):
    again = report_of_target("cpu", run="again", start=LATER)
    found = across([reports["chip"], again])
    assert [target.name for target in found.targets] == [
        "cpu (cpu:8002, run run-cpu)", "cpu (cpu:8002, run again)"
    ]  # fmt: skip


def test_a_run_is_there_once(reports):
    with pytest.raises(WattscanError, match="run-cpu of target cpu is there twice: give each run"):
        of(reports, "chip", "chip")
    with pytest.raises(WattscanError, match="no target was measured"):
        across([])


def test_each_figure_has_scope_and_method_beside_it(reports):
    found = of(reports, "plug", "chip", "modelled")
    table = figures(found)
    headings = list(table.shown.headings)
    kinds = [headings.index("scope"), headings.index("method")]
    assert kinds[0] == headings.index("mean power [W]") + 1
    body = [(row[1], *(row[place] for place in kinds)) for row in table.shown.body]
    assert body == 2 * [
        ("tower", "system", "integrated"),
        ("cpu", "chip", "counter"),
        ("laptop", "chip", "modelled"),
    ]
    # Every value of the runs' own tables is there, as it stands there.
    own = next(t for t in reports["chip"].tables if t.name == "energy").rows[1]
    mine = next(r for r in table.rows if (r.values["target"], r.values["precision"])
                == ("cpu", "int8"))  # fmt: skip
    assert {key: mine.values[key] for key in own.values} == own.values


def test_the_order_is_the_one_given_whatever_the_joules(reports):
    for names in (("one", "two", "chip"), ("chip", "two", "one")):
        found = of(reports, *names)
        rows = figures(found).rows
        wanted = [target.name for target in found.targets]
        assert [row.values["target"] for row in rows] == 2 * wanted
        assert [row.values["precision"] for row in rows] == 3 * ["fp32"] + 3 * ["int8"]


def test_unlike_scopes_and_methods_have_no_ratio_and_a_sentence(reports):
    found = of(reports, "chip", "plug", "modelled")
    assert target_ratios(found) == []
    assert [table.name for table in tables_of(found)] == ["targets", "target_runs"]
    assert cautions(found) == (
        "Scope or method differs: scope chip, method counter on cpu; scope system, method "
        "integrated on tower; scope chip, method modelled on laptop. Energies of different scope "
        "or method cannot be compared or ranked.",
    )


def test_targets_of_one_scope_and_method_have_a_ratio(reports):
    found = of(reports, "one", "chip", "two")
    fp32, int8 = target_ratios(found)
    assert (fp32.target, fp32.base) == ("jetson (10.0.0.5:8002)", "jetson (10.0.0.4:8002)")
    assert fp32.kind == ("board", "integrated")
    assert fp32.gross.value == pytest.approx(2.0)
    assert fp32.net.value == pytest.approx(36 / 16, rel=1e-3)
    # The errors of two sensors, 5 % each, do not cancel.
    assert fp32.gross.low < 2 / 1.13
    assert fp32.gross.high > 2 * 1.13
    assert (fp32.why_not, fp32.note, fp32.verdict) == ("", "", "valid")
    assert int8.gross.value == pytest.approx(1.0)
    assert ratios_table(found).shown.body[1][2].startswith("no difference shown (")
    assert "2.00 (" in summary(found)


def test_all_of_one_kind_say_so(reports):
    found = of(reports, "one", "two")
    assert cautions(found) == ()
    assert "All have scope board, method integrated." in headline(found)
    assert headline(of(reports, "one")) == "1 target: jetson. The worst verdict is valid."


def test_another_load_is_named_and_not_compared(reports):
    found = of(reports, "one", "two", "quick")
    assert cautions(found) == (
        "The load differs: profile is standard on jetson (10.0.0.4:8002) and jetson "
        "(10.0.0.5:8002) and quick on small. Runs with another load cannot be compared.",
    )
    ratio = target_ratios(found)[1]
    assert (ratio.target, ratio.gross, ratio.net) == ("small", None, None)
    assert ratio.why_not == "the load differs (profile)"


def test_another_workload_and_seed_are_named():
    def seeded(sample):
        return sample._replace(labels={**sample.labels, "seed": "8"})

    found = across([
        report_of_target("a", source=BOARD, workload=WORKLOAD),
        report_of_target("b", source=BOARD, workload={**WORKLOAD, "clients": "4"}),
        report_of_target("c", source=BOARD, edits=(changed("wattscan_run_info", seeded),)),
    ])  # fmt: skip
    (said,) = cautions(found)
    assert "seed is 7 on a and b and 8 on c" in said
    assert "workload: clients is 1 on a, 4 on b and not on record on c" in said
    assert all(ratio.gross is None for ratio in target_ratios(found))


def test_one_scope_of_another_domain_is_not_compared(reports):
    rail = report_of_target("nano", source={**BOARD, "domain": "POM_5V_IN"})
    ratio = target_ratios(across([reports["one"], rail]))[0]
    assert ratio.gross is None
    assert ratio.why_not == (
        "jetson has the energy of VDD_IN (scope board), nano of POM_5V_IN (scope board)"
    )
    # A system is the whole machine, whatever its domain is called.
    other = report_of_target("other", source={**PLUG, "domain": "outlet"})
    assert target_ratios(across([reports["plug"], other]))[0].gross is not None


def test_the_first_that_can_be_compared_is_the_base(reports):
    rail = report_of_target("nano", source={**BOARD, "domain": "POM_5V_IN"})
    found = across([rail, reports["one"], reports["two"]])
    pairs = [(ratio.base, bool(ratio.why_not)) for ratio in target_ratios(found)[:2]]
    assert pairs == [("nano", True), ("jetson (10.0.0.4:8002)", False)]


def test_an_invalid_cell_is_not_compared(reports):
    bad = report_of_target("bad", source=BOARD, generator_cpu=0.95)
    ratio = target_ratios(across([reports["one"], bad]))[0]
    assert (ratio.why_not, ratio.verdict) == ("it is invalid on bad", "invalid")


def test_what_a_target_did_not_measure_has_a_row_that_says_so(reports):
    more = report_of_target("more", tasks=("brain-mri", "chest-xray"), precisions=("fp32",))
    rows = figures(across([reports["chip"], more])).rows
    told = [(*(row.values[k] for k in ("precision", "target", "task")), row.text("gross"))
            for row in rows]  # fmt: skip
    assert ("int8", "more", "brain-mri", "not measured") in told
    assert ("fp32", "cpu", "chest-xray", "not measured") in told
    assert len(rows) == 6
    assert all(row.text("verdict") == "not measured" for row in rows if row.text("gross")
               == "not measured")  # fmt: skip


def test_a_target_without_energy(reports):
    silent = report_of_target(
        "silent", edits=(changed("wattscan_energy_source_info", lambda _: None),)
    )
    found = across([reports["chip"], silent])
    assert "no energy on silent" in cautions(found)[0]
    assert figures(found).rows[1].text("gross") == "not measured"


def test_other_references_are_told(reports):
    other = report_of_target("other", reference="int8")
    found = across([reports["chip"], other])
    assert "The reference differs: it is FP32 on cpu and INT8 on other. Ratios to it cannot be " \
        "compared." in cautions(found)  # fmt: skip
    assert "reference/variant (95 %)" in figures(found).shown.headings


def test_failures_are_told(reports):
    found = across([reports["chip"]], [Failure("10.0.0.9:8001", "it cannot be reached.")])
    assert cautions(found) == ("Not measured: 10.0.0.9:8001: it cannot be reached.",)


def test_another_file_of_a_model_is_told(reports):
    other = report_of_target("other", source=BOARD, edits=(
        changed("wattscan_model_info", lambda s: s._replace(
            labels={**s.labels, "sha256": "c" * 64})),))  # fmt: skip
    ratio = target_ratios(across([reports["one"], other]))[0]
    assert ratio.note == "the model files differ"
