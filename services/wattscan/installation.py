"""Where Wattscan's own files are: in a checkout, or where pip has put them."""

from __future__ import annotations

from contextlib import suppress
from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parents[1]


def models_folder() -> Path:
    """The `models/` folder of the checkout that this package runs from, else that of the package
    `wattscan-models`, else of the work folder."""
    if (_CHECKOUT / "models").is_dir():
        return _CHECKOUT / "models"
    with suppress(ModuleNotFoundError):
        return Path(str(files("wattscan_models")))
    return Path("models")


def locustfile() -> Path:
    """The load generator's file, for `locust -f`."""
    own = _CHECKOUT / "loadtest" / "locustfile.py"
    return own if own.is_file() else _PACKAGE / "load" / "loadtest" / "locustfile.py"


def program() -> str:
    """How a user calls `wattscan`."""
    return ".venv/bin/wattscan" if (_CHECKOUT / "Makefile").is_file() else "wattscan"
