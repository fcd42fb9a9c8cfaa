"""The command `wattscan`, and `python -m wattscan`."""

import io
import os
import signal
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    _open_streams()
    try:
        return _run()
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # another, while it ends
            signal.signal(number, signal.SIG_IGN)
        print("wattscan: interrupted", file=sys.stderr)
        return 130


def _open_streams() -> None:
    """Whoever starts it may have closed them, or may read them in ASCII, which has no `±`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # else the next file that is opened would take its number
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    # Read when gRPC is loaded. Its own lines, such as of a TLS alert, are no sentences: the
    # commands that call a server say themselves what is wrong.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from wattscan import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
