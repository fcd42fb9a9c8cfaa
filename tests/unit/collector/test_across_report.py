"""`wattscan collect` with several sources: what it prints, writes, and exits with."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import jsonschema
import pytest
from edits import changed
from made_targets import BOARD, LATER, PLUG, report_of_target, spec_of
from synthetic import recording

from wattscan.cli import main
from wattscan.collector.across import Failure, across
from wattscan.collector.across_json import SCHEMA
from wattscan.collector.across_report import folders_of, write_across, write_runs

RUNS = {
    "one": spec_of("jetson", "10.0.0.4:8002", "run-1", source=BOARD),
    "two": spec_of("jetson", "10.0.0.5:8002", "run-2", source=BOARD, start=LATER,
                   load_watts={"fp32": 40.0, "int8": 16.0}),
    "plug": spec_of("tower", source=PLUG),
    "bad": spec_of("bad", source=PLUG, generator_cpu=0.95),
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>|`$x_1$`\"'&\n=1"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    for name, made in RUNS.items():
        (folder / name).mkdir()
        (folder / name / "recording.om").write_text(recording(made), encoding="utf-8")
    (folder / "two" / "warnings.txt").write_text("When the run began: It is busy.\n")
    return folder


def collect(*arguments):
    return main(["collect", *map(str, arguments)])


def several(folder, *names):
    return [word for name in names for word in ("--source", folder / name)]


class Page(HTMLParser):
    """Every tag, link, id and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.texts.append(data)


def test_one_report_across_and_each_run_s_own(runs, tmp_path, capsys):
    out = tmp_path / "new"
    assert collect(*several(runs, "one", "two", "plug"), "--out", out) == 0
    told = capsys.readouterr()
    assert told.out == (out / "tables.md").read_text("utf-8")
    assert told.err == f"All tables: {out / 'tables.md'}\nReport: {out / 'report.html'}\n"
    assert told.out.startswith("# Wattscan: 3 targets\n\n3 targets, measured one after the other: ")
    parts = [line for line in told.out.splitlines() if line.startswith("# ")]
    assert parts[1:] == [f"# Wattscan: run run-{name}" for name in ("1", "2", "tower")]
    files = {"tables.md", "targets.csv", "target_ratios.csv", "target_runs.csv", "targets.json"}
    assert {path.name for path in out.iterdir()} == {
        *files, "report.html", "run-1", "run-2", "run-tower"
    }  # fmt: skip
    # Each run's own files are those of a collect of it alone.
    assert collect("--source", runs / "two", "--out", tmp_path / "alone") == 0
    for path in (tmp_path / "alone").iterdir():
        assert path.read_bytes() == (out / "run-2" / path.name).read_bytes()


def test_json_keeps_to_its_schema_and_csv_to_json(runs, tmp_path):
    collect(*several(runs, "one", "two", "plug"), "--out", tmp_path)
    document = json.loads((tmp_path / "targets.json").read_text("utf-8"))
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [kind["scope"] for kind in document["kinds"]] == ["board", "system"]
    assert [each["folder"] for each in document["targets"]] == ["run-1", "run-2", "run-tower"]
    assert document["targets"][1]["warnings"] == ["When the run began: It is busy."]
    ratio = document["target_ratios"][0]
    assert ratio["gross"]["value"] == pytest.approx(2.0)
    assert ratio["why_not"] is None
    with (tmp_path / "targets.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(document["cells"]) == 6
    for line, cell in zip(lines, document["cells"], strict=True):
        for key in ("target", "task", "precision", "scope", "method", "verdict"):
            assert line[key] == cell[key]
        mean = cell["joules_per_image"]["gross"]["mean"]
        assert float(line["joules_per_image_gross"]) == mean


def test_the_page_asks_for_nothing_and_links_to_what_is_there(runs, tmp_path):
    collect(*several(runs, "one", "two", "plug"), "--out", tmp_path)
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert "img" not in page.tags
    links = [link for link in page.links if link != "data:,"]
    assert len(links) == 3
    assert all((tmp_path / unquote(link)).is_file() for link in links)
    assert len(set(page.ids)) == len(page.ids)
    assert set(re.findall(r'aria-labelledby="([^"]*)"', text)) <= set(page.ids)
    assert text.index('id="table-targets"') < text.index('id="heading-run-1"')
    assert "It is busy" in text
    assert "best" not in " ".join(page.texts).lower()


def test_every_label_is_escaped(tmp_path):
    def poisoned(sample):
        keys = [k for k in ("title", "run", "domain") if k in sample.labels]
        return sample._replace(labels={**sample.labels, **dict.fromkeys(keys, HOSTILE)})

    names = ("wattscan_run_info", "wattscan_target_info", "wattscan_run_workload_info")
    edits = tuple(changed(name, poisoned) for name in names)
    found = across(
        [
            report_of_target("a", run=HOSTILE, edits=edits),
            report_of_target(HOSTILE, "=x", run="../../up", start=LATER),
        ],
        [Failure(HOSTILE, HOSTILE)],
    )
    write_runs(found, tmp_path / "out")
    write_across(found, tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "<script" not in text
    assert "alert(1)" in "".join(Page(text).texts)
    assert "<script" not in (tmp_path / "out" / "tables.md").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    links = [link for link in Page(text).links if link != "data:,"]
    assert all((tmp_path / "out" / unquote(link)).is_file() for link in links)


def test_two_runs_of_one_name_have_two_folders(runs):
    found = across(
        [report_of_target("a", run="same"), report_of_target("b", run="same", start=LATER)]
    )
    assert list(folders_of(found).values()) == ["same", "same-2"]


def test_require_holds_for_every_run(runs, capsys):
    assert collect(*several(runs, "one", "plug"), "--require", "valid") == 0
    assert capsys.readouterr().err == ""
    assert collect(*several(runs, "one", "bad"), "--require", "indicative") == 1
    assert "bad: brain-mri int8 is invalid: generator_cpu_above" in capsys.readouterr().err


def test_the_paper_s_tables_of_each(runs, capsys):
    assert collect(*several(runs, "one", "plug"), "--paper") == 0
    told = capsys.readouterr().out
    assert told.count("## The paper's Table 1") == 2
    assert told.startswith("# jetson\n\n## The paper's")
    assert "\n# tower\n" in told


def test_runs_are_named_behind_their_source(runs, tmp_path, capsys):
    both = tmp_path / "both.om"
    shutil.copy(runs / "one" / "recording.om", both)
    text = both.read_text("utf-8").removesuffix("# EOF\n")
    both.write_text(text + (runs / "two" / "recording.om").read_text("utf-8"), encoding="utf-8")
    assert collect("--source", f"{both}#run-1", "--source", f"{both}#run-2") == 0
    assert "10.0.0.4:8002" in capsys.readouterr().out
    assert collect("--source", f"{both}#run-2") == 0
    assert capsys.readouterr().out.startswith("# Wattscan: run run-2\n")
    assert collect(*several(runs, "one", "two"), "--run", "run-1") == 2
    assert "--run is of a single --source: name the run of each" in capsys.readouterr().err


def test_one_source_twice_is_refused(runs, capsys):
    assert collect(*several(runs, "one", "one")) == 2
    assert "is there twice: give each run once" in capsys.readouterr().err
