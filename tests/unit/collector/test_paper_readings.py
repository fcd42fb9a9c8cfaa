"""The paper's tables: its own readings give its Jetson column, and every platform has its own."""

import pytest
from edits import changed, without
from run_labels import MODELLED
from servers import prometheus
from synthetic import Spec, recording, spans

from wattscan.collector import paper_figures
from wattscan.collector.report import collect
from wattscan.targets import load_target, target_names

TASKS = ("nerve-ultrasound", "brain-mri", "chest-xray")
# What the paper's authors published with their code: the GPU's temperature and rail, before and
# after each FP32 evaluation on the Jetson Nano; degrees Celsius and milliwatts.
READINGS = {
    "nerve-ultrasound": {"celsius": (22.5, 27.0), "milliwatts": (0, 3376)},
    "brain-mri": {"celsius": (25.0, 26.0), "milliwatts": (0, 3703)},
    "chest-xray": {"celsius": (24.0, 24.5), "milliwatts": (0, 3520)},
}
JETSON_COLUMN = {
    ("nerve ultrasound", "temperature [°C]"): "+4.5",
    ("nerve ultrasound", "power [mW]"): "+3376",
    ("brain MRI", "temperature [°C]"): "+1.0",
    ("brain MRI", "power [mW]"): "+3703",
    ("chest X-ray", "temperature [°C]"): "+0.5",
    ("chest X-ray", "power [mW]"): "+3520",
}
RAIL = {"sensor": "ina3221", "domain": "POM_5V_GPU", "scope": "rail", "method": "integrated"}
BOARD = {"sensor": "ina3221", "domain": "POM_5V_IN", "scope": "board", "method": "integrated"}


def facts_of(name):
    """What the service of a packaged target tells of it."""
    target = load_target(name)
    paper = target.paper
    told = {"precision": paper.precision, "domain": paper.domain, "zone": paper.zone}
    return {"title": target.title, **{key: text or "" for key, text in told.items()}}


def of_target(name):
    return lambda sample: sample._replace(
        labels={**sample.labels, **({"target": name} if "target" in sample.labels else {})}
    )


def jetson_recording():
    """A run on the Jetson whose GPU rail and zone show the paper's readings, moment by moment."""
    spec = Spec(
        profile="quick", tasks=TASKS, source=BOARD, facts=facts_of("jetson-nano"),
        edits=(of_target("jetson-nano"), without("wattscan_temperature_celsius")),
    )  # fmt: skip
    phases = spans(spec)

    def reading(sample, kind):
        now = next((s for s in phases if s.start < sample.at <= s.end), phases[0])
        busy = now.phase in ("warmup", "load") and now.precision == "fp32"
        return READINGS[now.task][kind][busy]

    def power(sample):
        return sample._replace(value=reading(sample, "milliwatts") / 1000)

    def temperature(sample):
        labels = {**sample.labels, "sensor": "thermal_zone", "zone": "GPU-therm"}
        return sample._replace(labels=labels, value=reading(sample, "celsius"))

    def paper(sample):
        return sample._replace(labels={**sample.labels, "use": "paper"})

    rail = Spec(
        profile="quick", tasks=TASKS, source=RAIL,
        edits=(
            of_target("jetson-nano"),
            changed("wattscan_power_watts", power),
            changed("wattscan_temperature_celsius", temperature),
            changed("wattscan_energy_source_info", paper),
        ),
    )  # fmt: skip
    wanted = ("POM_5V_GPU", "GPU-therm")
    extra = [line for line in recording(rail).splitlines() if any(w in line for w in wanted)]
    return "\n".join([*extra, recording(spec)])


@pytest.fixture(
    scope="module", params=["recording", pytest.param("prometheus", marks=pytest.mark.slow)]
)
def jetson(request, tmp_path_factory, need_program):
    """The run's report, from a recording and from a real Prometheus that took it in."""
    folder = tmp_path_factory.mktemp("jetson")
    path = folder / "jetson.om"
    path.write_text(jetson_recording(), encoding="utf-8")
    if request.param == "recording":
        yield collect(str(path))
        return
    need_program("prometheus", "prometheus")
    need_program("promtool", "prometheus")
    with prometheus([path], folder) as address:
        yield collect(address)


def lines_of(text, heading):
    """The cells of a Markdown table's lines, by column."""
    part = text.split(f"## {heading}")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_the_paper_s_readings_give_its_jetson_column_to_the_digit(jetson):
    lines = lines_of(jetson.paper(), "The paper's Table 2")
    column = "jetson-nano (this run)"
    sides = {"paper's own": {}, "ours": {}}
    for line in lines:
        read_as_the_paper_did = "paper's rail" in line["whose"] or "GPU-therm" in line["whose"]
        side = "ours" if read_as_the_paper_did else line["whose"]
        if side in sides:
            figure = line[column].removesuffix(" (indicative)")
            sides[side][line["task"], line["measure"]] = figure
    assert sides == {"paper's own": JETSON_COLUMN, "ours": JETSON_COLUMN}


def test_its_csv_has_the_same(jetson):
    table = next(table for table in jetson.tables if table.name == "paper")
    read = [row.values for row in table.rows if row.values["reading"] == "paper"]
    assert len(read) == 6
    assert [row["delta"] for row in read] == [row["paper_delta"] for row in read]
    assert {row["precision"] for row in read} == {"fp32"}


def report_on(name, tmp_path, **spec):
    path = tmp_path / "r.om"
    facts = facts_of(name)
    made = Spec(profile="quick", facts=facts, edits=(of_target(name),), **spec)
    path.write_text(recording(made), encoding="utf-8")
    return collect(str(path))


@pytest.mark.parametrize("name", paper_figures.TARGETS)
def test_ours_stands_in_the_column_of_the_run_s_platform_alone(name, tmp_path):
    lines = lines_of(report_on(name, tmp_path).paper(), "The paper's Table 2")
    ours = [line for line in lines if line["whose"].startswith("ours")]
    assert {line["task"] for line in ours} == {"nerve ultrasound", "brain MRI", "chest X-ray"}
    for line in ours:
        own = line.pop(f"{name} (this run)")
        assert ("+" in own) == (line["task"] == "brain MRI")
        assert [line[other] for other in paper_figures.TARGETS if other != name] == [
            "not measured here"
        ] * 4


def test_the_paper_s_own_figures_are_all_there(tmp_path):
    text = report_on("cpu", tmp_path, source=MODELLED).paper()
    lines = [
        line for line in lines_of(text, "The paper's Table 2") if line["whose"] == "paper's own"
    ]
    for index, name in enumerate(paper_figures.TARGETS):
        degrees = [float(line[name]) for line in lines[::2]]
        milliwatts = [float(line[name]) for line in lines[1::2]]
        assert degrees == [each[index] for each in paper_figures.TEMPERATURE_CELSIUS.values()]
        assert milliwatts == [each[index] for each in paper_figures.POWER_MILLIWATTS.values()]
    assert {line["cpu (this run)"] for line in lines} == {"none"}
    assert "(the tables' domain, modelled)" in text
    assert "it has no column for it" in text


def test_table_1_has_the_paper_s_score_beside_ours(tmp_path):
    text = report_on("cpu", tmp_path, tasks=("chest-xray", "brain-mri")).paper()
    lines = lines_of(text, "The paper's Table 1")
    absent = "not measured here"
    mri, chest = "brain-mri-phantom (phantom)", "chest-xray-phantom (phantom)"
    assert [list(line.values()) for line in lines] == [
        ["nerve ultrasound", "Dice", "0.617", absent, "0.646", absent, absent],
        ["brain MRI", "Dice", "0.96", "0.9000", "0.94", "0.8970", mri],
        ["chest X-ray", "AUC-ROC", "0.81", "0.9000", "0.77", "0.8970", chest],
    ]
    assert "The data sets differ" in text


def test_a_copy_of_a_target_has_its_platform_s_column(tmp_path):
    path = tmp_path / "copy.om"
    spec = Spec(profile="quick", facts={**facts_of("apple-m1")}, edits=(of_target("mine"),))
    path.write_text(recording(spec), encoding="utf-8")
    text = collect(str(path)).paper()
    assert "apple-m1 (this run)" in text
    assert "mine (this run)" not in text


def test_the_platforms_titles_are_those_of_the_packaged_targets():
    assert set(paper_figures.TARGETS) < set(target_names())
    assert {name: load_target(name).title for name in paper_figures.TARGETS} == dict(
        paper_figures.TITLES
    )
