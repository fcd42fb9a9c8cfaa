"""Makes the generated files: the protobuf stubs, and `docs/metrics.md` from `metrics.py`.

With `--check`, compares instead, and fails where a committed file is not what would be made.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from wattscan import metrics

ROOT = Path(__file__).parents[1]
STUBS = Path("services/wattscan/wire")
METRICS = Path("docs/metrics.md")
BEGIN, END = "<!-- generated from metrics.py -->", "<!-- end of what is generated -->"


def main() -> int:
    """Make, or check; returns the exit code."""
    made = {METRICS: metrics_page(), **stubs()}
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in made.items() if _read(path) != text]
    for path in stale:
        print(f"{path} is not what `make generate` makes", file=sys.stderr)
    return 1 if stale else 0


def stubs() -> dict[Path, str]:
    """Path -> text of the stubs of every proto."""
    protos = sorted((ROOT / "protos").glob("wattscan/wire/*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'protos'}"]
        command += [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        subprocess.run([*command, *map(str, protos)], check=True)  # noqa: S603
        made = sorted((Path(folder) / "wattscan" / "wire").iterdir())
        return {STUBS / file.name: file.read_text(encoding="utf-8") for file in made}


def metrics_page() -> str:
    """`docs/metrics.md` with its tables made anew."""
    before, _, rest = _read(METRICS).partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{_tables()}{END}{after}"


def _tables() -> str:
    lines = []
    for title, group in metrics.GROUPS.items():
        lines += [
            f"\n### {title}\n",
            "| name | type | labels | meaning |",
            "| --- | --- | --- | --- |",
        ]
        lines += [f"| `{m.name}` | {m.kind} | {', '.join(m.labels)} | {m.help} |" for m in group]
    return "\n".join([*lines, "", ""])


def _read(path: Path) -> str:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
