"""Makes the generated files: the protobuf stubs; the tables of `docs/metrics.md` (from
`metrics/`), of `docs/models.md` (from the models' cards), of `docs/serving.md` (from the server),
of `docs/measurement.md` (from the verdict's rules), of `docs/targets.md` (from the targets) and of
`docs/dashboards.md`; Grafana's dashboards; the example in `docs/plugins.md`; and the rules of
`k8s/monitoring/` (from Prometheus's rule files).

With `--check`, compares instead, and fails where a committed file is not what would be made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import operator_rules
import page_size
import reasons_reference
import serving_reference
import targets_reference
from dashboards import files as dashboards
from page_table import table
from wattscan import metrics
from wattscan.artifacts import find_cards
from wattscan.collector import paper_figures

ROOT = Path(__file__).parents[1]
STUBS = Path("services/wattscan/wire")
COMPILER = ROOT / "build" / "stubs" / "bin" / "python"
METRICS, MODELS = Path("docs/metrics.md"), Path("docs/models.md")
SERVING, TARGETS = Path("docs/serving.md"), Path("docs/targets.md")
MEASUREMENT = Path("docs/measurement.md")
DASHBOARDS = Path("docs/dashboards.md")
RULES = Path("k8s/monitoring/rules.yaml")
PLUGINS, EXAMPLE = Path("docs/plugins.md"), Path("tests/plugin_example")
BEGIN, END = "<!-- generated -->", "<!-- end of what is generated -->"


def main() -> int:
    """Make, or check; returns the exit code."""
    made = {
        METRICS: page(METRICS, f"{_metrics()}\n{page_size.size()}"),
        MODELS: page(MODELS, _models()),
        SERVING: page(SERVING, serving_reference.tables()),
        MEASUREMENT: page(MEASUREMENT, reasons_reference.tables()),
        TARGETS: page(TARGETS, targets_reference.tables()),
        PLUGINS: page(PLUGINS, _example()),
        DASHBOARDS: page(DASHBOARDS, dashboards.tables()),
        **dashboards.files(),
        RULES: operator_rules.objects(ROOT),
        **stubs(),
    }
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in made.items() if _read(path) != text]
    for path in stale:
        print(f"{path} is not what `make generate` makes", file=sys.stderr)
    return 1 if stale else 0


def stubs() -> dict[Path, str]:
    """Path -> text of the stubs of every proto, by the oldest compiler that is supported: a stub
    needs the runtime of its compiler, or a later one."""
    protos = sorted((ROOT / "protos").glob("wattscan/wire/*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        command = [str(COMPILER), "-m", "grpc_tools.protoc", f"-I{ROOT / 'protos'}"]
        command += [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        subprocess.run([*command, *map(str, protos)], check=True)  # noqa: S603
        made = sorted((Path(folder) / "wattscan" / "wire").iterdir())
        return {STUBS / file.name: _own_pool(file.read_text(encoding="utf-8")) for file in made}


def _own_pool(stub: str) -> str:
    """The stub with its messages in our own pool: `wattscan.wire.pool` says why."""
    before = "from google.protobuf import descriptor_pool as _descriptor_pool\n"
    return stub.replace(before, "from wattscan.wire.pool import POOL as _POOL\n").replace(
        "_descriptor_pool.Default()", "_POOL"
    )


def page(path: Path, tables: str) -> str:
    """The page with what stands between its marks made anew."""
    before, _, rest = _read(path).partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _metrics() -> str:
    lines = []
    for title, group in metrics.GROUPS.items():
        heading = ("name", "type", "labels", "meaning")
        rows = [(f"`{m.name}`", m.kind, ", ".join(m.labels), m.help) for m in group]
        lines.append(f"\n### {title}\n\n{table(heading, rows)}\n")
    return "\n".join(lines)


def _models() -> str:
    cards = {(card.task, card.precision): card for card in find_cards(ROOT / "models")}
    heading = (
        *("task", "network", "metric", "FP32", "INT8 (QAT)", "INT8 - FP32 (95 %)", "PTQ alone"),
        *("paper's FP32", "paper's INT8"),
    )
    rows = []
    for task in sorted({task for task, _ in cards}):
        fp32, int8 = cards[task, "fp32"].quality[0], cards[task, "int8"].quality[0]
        found = int8.difference
        difference = (
            f"{found.estimate:+.4f} ({found.lower:+.4f} to {found.upper:+.4f})" if found else "none"
        )
        ptq = "none" if int8.ptq is None else f"{int8.ptq:.4f}"
        theirs = paper_figures.QUALITY.get((task, fp32.metric), ("none", "none"))
        network = cards[task, "fp32"].network
        scores = (f"{fp32.value:.4f}", f"{int8.value:.4f}", difference, ptq)
        rows.append((task, network, fp32.metric, *scores, *map(str, theirs)))
    return f"\n{table(heading, rows)}\n"


def _example() -> str:
    names = [f"wattscan_example/{name}.py" for name in ("meter", "runtime", "outline")]
    files = [EXAMPLE / name for name in ("pyproject.toml", *names, "test_example.py")]
    kinds = {".toml": "toml", ".py": "python"}
    return "\n".join(
        f"\n`{file}`:\n\n```{kinds[file.suffix]}\n{_read(file).rstrip()}\n```" for file in files
    )


def _read(path: Path) -> str:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
