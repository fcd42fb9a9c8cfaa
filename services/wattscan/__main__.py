"""The command `wattscan`, and `python -m wattscan`."""

import os
import signal
import sys

from wattscan.streams import open_streams


def main() -> int:
    """Run the command line; returns the exit code."""
    open_streams()
    try:
        return _run()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # another, while it ends
            signal.signal(number, signal.SIG_IGN)
        print("wattscan: interrupted", file=sys.stderr)
        return 130


def _run() -> int:
    # Read when gRPC is loaded. Its own lines, such as of a TLS alert, are no sentences: the
    # commands that call a server say themselves what is wrong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from wattscan import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
