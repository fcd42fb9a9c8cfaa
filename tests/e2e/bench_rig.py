"""How the tests of the main job start it."""

from commands import WATTSCAN
from wattscan import plugins

TASKS = plugins.names("tasks")


def bench(out, *arguments):
    return [*WATTSCAN, "bench", "--out", str(out), *arguments]
