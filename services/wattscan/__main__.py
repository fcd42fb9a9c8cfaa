"""The command `wattscan`, and `python -m wattscan`."""

import os
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    # Read when gRPC is loaded. With it, the thread that takes calls reads their bytes too: one
    # hand-over less for each, 2 to 10 % of a request's processor time (`make benchmark-serving`).
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    from wattscan import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
