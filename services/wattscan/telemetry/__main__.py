"""`python -m wattscan.telemetry`: `wattscan sensors` where numpy and nvidia-ml-py are all there is.

The command `wattscan` imports all that serves models; a bare machine that is to be verified lacks
most of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from wattscan.contracts import WattscanError, printable
from wattscan.streams import open_streams
from wattscan.telemetry import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that a user can act on is one line."""
    open_streams()
    parser = argparse.ArgumentParser(prog="python -m wattscan.telemetry", description=cli.__doc__)
    cli.add_arguments(parser)
    parser.set_defaults(execute=cli.run)
    options = parser.parse_args(arguments)
    try:
        return int(options.execute(options))
    except WattscanError as error:
        print(f"wattscan: {printable(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"wattscan: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("wattscan: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
