"""A revision's files and its environment, from real repositories."""

import subprocess
import sys

import pytest

from wattscan.bench.check_energy.sides import check_root, prepare
from wattscan.contracts import WattscanError

MAKEFILE = """
setup:
\t@echo on the output
\t@test -z "$(BASE)" && test ! -e broken
\t@mkdir -p .venv/bin
\t@ln -s $(PYTHON) .venv/bin/python
"""


def git(root, *words):
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    git(root, "add", "--all")
    git(root, *who, "commit", "--quiet", "--message", "m")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "repository"
    package = root / "services" / "wattscan"
    package.mkdir(parents=True)
    git(root, "init", "--quiet")
    (package / "__init__.py").write_text("VERSION = 1\n")
    (root / "requirements.txt").write_text("a==1\n")
    (root / "Makefile").write_text(MAKEFILE)
    (root / ".gitignore").write_text("*.log\n")
    commit(root)
    git(root, "tag", "v1")
    return root


class Preparing:
    """Called with a revision, gives its side and folder; `said` is what was told meanwhile."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder
        self.said = []

    def __call__(self, revision=None):
        return prepare("base", revision, self.root, self.folder, self.said.append), self.folder


@pytest.fixture
def side(root, tmp_path):
    return Preparing(root, tmp_path / "base")


def version(folder):
    return (folder / "services" / "wattscan" / "__init__.py").read_text()


def test_a_revision_is_as_it_was(root, side):
    (root / "services" / "wattscan" / "__init__.py").write_text("VERSION = 2\n")
    (root / "new.py").write_text("")
    commit(root)
    made, folder = side("v1")
    assert version(folder) == "VERSION = 1\n" and not (folder / "new.py").exists()
    assert made.told == f"v1 ({git(root, 'rev-parse', '--short', 'v1')})"
    assert (made.models, made.code.services) == (folder / "models", folder / "services")
    assert made.code.python == sys.executable and not side.said


def test_the_work_tree_is_as_it_is_and_stays_so(root, side):
    (root / "services" / "wattscan" / "__init__.py").write_text("VERSION = 2\n")
    (root / "services" / "staged.py").write_text("")
    git(root, "add", "services/staged.py")
    (root / "services" / "new.py").write_text("")
    (root / "serve.log").write_text("")
    (root / ".gitignore").unlink()
    (root / ".git" / "info" / "exclude").write_text("*.log\n")
    before = git(root, "status", "--porcelain"), git(root, "worktree", "list")
    made, folder = side()
    assert version(folder) == "VERSION = 2\n"
    names = {path.name for path in (folder / "services").iterdir()}
    assert names == {"wattscan", "staged.py", "new.py"}
    assert not (folder / "serve.log").exists() and not (folder / ".gitignore").exists()
    assert made.told == f"the work tree ({git(root, 'rev-parse', '--short', 'HEAD')} and changes)"
    assert (git(root, "status", "--porcelain"), git(root, "worktree", "list")) == before


def test_a_work_tree_without_changes_says_so(side):
    assert " and changes" not in side()[0].told


@pytest.mark.parametrize("revision", ["v2", "--help"])
def test_a_revision_that_git_does_not_have(side, revision):
    with pytest.raises(WattscanError, match=rf"no revision '{revision}' here; .* --unshallow"):
        side(revision)


def test_other_packages_get_an_environment_of_their_own(root, side, monkeypatch, capfd):
    monkeypatch.setenv("MAKEFLAGS", " -- BASE=v1")
    (root / "requirements.txt").write_text("a==2\n")
    made, folder = side("v1")
    assert made.code.python == str(folder / ".venv" / "bin" / "python")
    assert "requirements.txt differs" in side.said[0]
    told = capfd.readouterr()
    assert not told.out and "on the output" in told.err


def test_an_environment_that_cannot_be_made(root, side):
    (root / "broken").write_text("")
    commit(root)
    git(root, "tag", "broken")
    (root / "requirements.txt").write_text("a==2\n")
    with pytest.raises(WattscanError, match="environment of base cannot be set up"):
        side("broken")


def test_a_service_that_would_not_run_its_own_code_is_refused(root, side):
    """A revision from before `services/`: the interpreter finds another wattscan, or none."""
    git(root, "mv", "services", "src")
    commit(root)
    with pytest.raises(WattscanError, match="would not run its own code"):
        side("HEAD")


def test_an_installed_package_is_no_repository(tmp_path):
    with pytest.raises(WattscanError, match="clone the repository"):
        check_root(tmp_path)
