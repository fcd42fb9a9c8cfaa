"""The two sides: the code of a git revision, or of the work tree, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wattscan.bench.service import Code
from wattscan.contracts import WattscanError

_LOCK = "requirements.txt"
# Of a make that has started this process: the set-up of a side is none of its targets.
_OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
_WHERE = "import wattscan; print(wattscan.__file__)"


@dataclass(frozen=True)
class Side:
    """`name` is base or head, `told` what that is, such as `main (1a2b3c4)`; `models` is its
    model folder, `code` what serves them."""

    name: str
    told: str
    models: Path
    code: Code


def prepare(
    name: str, revision: str | None, root: Path, folder: Path, say: Callable[[str], None]
) -> Side:
    """Write the files of a revision into a new folder, and find the environment that runs them.

    The repository stays as it is: its index and its list of worktrees are not touched.

    Args:
        name: base or head.
        revision: as git names it; None: the work tree as it is now, with files that git neither
            has nor ignores.
        root: the repository.
        folder: is made.
        say: is told what takes time.

    Raises:
        WattscanError: there is no such revision, or its environment cannot be set up.
    """
    told = _told(root, revision)
    folder.mkdir()
    _write(root, revision, folder)
    python = _python(name, root, folder, say)
    code = Code(python, folder / "services")
    _check(name, code)
    return Side(name, told, folder / "models", code)


def check_root(root: Path) -> None:
    """Raises: WattscanError: it is no git repository of Wattscan."""
    if not (root / ".git").exists() or not (root / _LOCK).is_file():
        raise WattscanError(
            f"two revisions are compared in a git checkout of Wattscan, and {root} is none: clone "
            "the repository and use make check-energy there"
        )


def _told(root: Path, revision: str | None) -> str:
    """What is measured, with its commit. Raises: WattscanError."""
    asked = revision or "HEAD"
    try:
        commit = _git(root, "rev-parse", "--verify", "--short", "--end-of-options", f"{asked}^{{}}")
    except WattscanError:
        raise WattscanError(
            f"git has no revision {asked!r} here; a shallow clone gets all of them with "
            "git fetch --unshallow"
        ) from None
    if revision:
        return f"{revision} ({commit})"
    changed = _git(root, "status", "--porcelain")
    return f"the work tree ({commit}{' and changes' if changed else ''})"


def _write(root: Path, revision: str | None, folder: Path) -> None:
    """Through an index of its own, so that the user's is not touched. Raises: WattscanError."""
    index = folder.with_name(f"{folder.name}.index")
    _git(root, "read-tree", revision or "HEAD", index=index)
    if revision is None:
        _git(root, "add", "--all", index=index)
    _git(root, "checkout-index", "--all", f"--prefix={folder}/", index=index)


def _python(name: str, root: Path, folder: Path, say: Callable[[str], None]) -> str:
    """The interpreter with what the side's lock file names. Raises: WattscanError."""
    if _lock(folder) == _lock(root):
        return sys.executable
    say(
        f"The packages of {name} are others than those of this environment ({_LOCK} differs): "
        "setting up one for it, one to three minutes ..."
    )
    env = {key: value for key, value in os.environ.items() if key not in _OF_MAKE}
    command = ["make", "-C", str(folder), "setup", f"PYTHON={sys.executable}"]
    # Standard output is the comparison's alone.
    done = subprocess.run(command, stdout=sys.stderr, env=env, check=False)  # noqa: S603
    if done.returncode:
        raise WattscanError(
            f"the environment of {name} cannot be set up (make setup, above): measure a revision "
            f"with this {_LOCK}, or see to what it lacks"
        )
    return str(folder / ".venv" / "bin" / "python")


def _lock(folder: Path) -> bytes:
    """Of a revision without one, nothing."""
    file = folder / _LOCK
    return file.read_bytes() if file.is_file() else b""


def _check(name: str, code: Code) -> None:
    """Raises: WattscanError: another code would be measured."""
    done = subprocess.run(  # noqa: S603
        [code.python, "-c", _WHERE],
        capture_output=True,
        text=True,
        env=code.env(os.environ),
        check=False,
    )
    found = done.stdout.strip() or done.stderr.strip()
    if code.services is None or not Path(found).is_relative_to(code.services):
        raise WattscanError(
            f"the service of {name} would not run its own code: {code.python} finds wattscan at "
            f"{found}, not in {code.services}"
        )


def _git(root: Path, *arguments: str, index: Path | None = None) -> str:
    """What it prints. Raises: WattscanError."""
    env = {**os.environ, "GIT_INDEX_FILE": str(index)} if index else os.environ
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)  # noqa: S603
    except FileNotFoundError:
        raise WattscanError("git is not installed, and two revisions need it") from None
    if done.returncode:
        raise WattscanError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()
