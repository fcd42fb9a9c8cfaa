"""One suite over all tasks: the one that is given to vendors."""

import pytest

from wattscan import plugins
from wattscan.testing import TaskContract


class TestEveryTask(TaskContract):
    @pytest.fixture(params=plugins.names("tasks"))
    def task(self, request):
        return plugins.task(request.param)
