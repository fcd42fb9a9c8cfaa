"""The command `wattscan`, and `python -m wattscan`."""

import os
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    # Read when gRPC is loaded. Its own lines, such as of a TLS alert, are no sentences: the
    # commands that call a server say themselves what is wrong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from wattscan import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
