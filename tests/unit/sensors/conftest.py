"""A Mac whose counters the test sets."""

import pytest
from fake_mac import Mac, build


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def mac(built, tmp_path, monkeypatch):
    return Mac(built, tmp_path, monkeypatch)
