"""The set-up shows how far it is, and what went wrong."""

import io
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs"))
import install  # noqa: E402

PIP = """Ignoring colorama: markers 'sys_platform == "win32"' don't match your environment
Collecting numpy==2.3.5 (from -r requirements.txt (line 1))
  Downloading numpy-2.3.5.whl (16 MB)
Requirement already satisfied: pillow==12 in ./.venv
Installing collected packages: numpy, pillow
Successfully installed numpy-2.3.5
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream):
    last = install.show(PIP.splitlines(keepends=True), 3, stream)
    assert last[-1].startswith("Successfully installed")
    return stream.getvalue()


def test_a_terminal_has_one_line_that_counts():
    text = shown(Terminal())
    assert "Fetching package 2 of 2: pillow" in text and "Installing 2 packages ..." in text
    assert "\n" not in text and "Downloading" not in text


def test_a_log_has_few_lines():
    assert shown(io.StringIO()) == ("Fetching package 1 of 2: numpy\nInstalling 2 packages ...\n")


def test_the_packages_of_the_requirements_are_counted(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# a == b\nnumpy==2 \\\n    --hash=sha256:0\nuvicorn[standard]==1\n")
    assert install.total(["--require-hashes", "-r", str(file)]) == 2
    assert install.total(["-e", "."]) == 0


def test_an_error_of_pip_is_shown_with_its_exit_code(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("not a requirement\n")
    done = subprocess.run(
        [sys.executable, Path(install.__file__), "-r", str(file)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "ERROR: Invalid requirement" in done.stderr
