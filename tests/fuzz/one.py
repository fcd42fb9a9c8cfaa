"""Fuzzes one target with atheris (libFuzzer): `python -m fuzz.one TARGET FOLDER SECONDS`.

An error that may not escape is a finding: its input is kept in FOLDER/findings, one for each place
in the code, and the fuzzing goes on. What ends the process (a crash, too much memory, an input
that takes too long) libFuzzer keeps there itself.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["wattscan", "pydicom", "PIL"]):
    from fuzz import seeds
    from fuzz.targets import ALLOWED, TARGETS, Target

_SECONDS_AN_INPUT, _MEGABYTES = 20, 3072


class Harness:
    """Calls the target, and keeps what it should not have done."""

    def __init__(self, target: Target, findings: Path) -> None:
        self._target = target
        self._findings = findings

    def __call__(self, data: bytes) -> None:
        """One input."""
        try:
            self._target.run(data)
        except ALLOWED as error:
            if seeds.MARKER in str(error) or "SECRET" in str(error):
                self._keep(data, error, "quotes its input")
        except Exception as error:
            self._keep(data, error, "escaped")

    def _keep(self, data: bytes, error: Exception, why: str) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} {why} at {place.filename}:{place.lineno}"
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._findings / f"finding-{name}"
        if not path.exists():
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(
                f"{text}\n{''.join(traceback.format_exception(error))}"
            )
            print(f"FINDING {text}", file=sys.stderr)


def main() -> None:
    """Fuzz until the time is over."""
    # As the service does: decoders' warnings quote headers.
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]()
    corpus, findings = folder / "corpus", folder / "findings"
    for path in (corpus, findings):
        path.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    options = [
        f"-max_total_time={seconds}", f"-max_len={seeds.MAX_BYTES}", "-print_final_stats=1",
        f"-timeout={_SECONDS_AN_INPUT}", f"-rss_limit_mb={_MEGABYTES}",
        f"-artifact_prefix={findings}/", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], Harness(target, findings))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
