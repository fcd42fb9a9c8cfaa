"""A server of the Prometheus HTTP API that behaves badly, and text that is not ASCII."""

import gzip
import http.server
import json
import time
import urllib.parse
from contextlib import contextmanager

import pytest

from http_server import http_server, respond
from wattscan.collector import http_reply, prometheus
from wattscan.collector.prometheus import Prometheus
from wattscan.contracts import WattscanError

SERIES = {"metric": {"__name__": "a", "run": "r"}, "value": [1.0, "2"]}


def answer(result=(SERIES,), **more):
    data = {"resultType": "vector", "result": list(result)}
    return json.dumps({"status": "success", "data": data, **more}).encode()


@contextmanager
def serving(write, status=200, headers=()):
    """A server whose every answer `write(handler)` makes; gives it with the queries it has had."""
    asked = []

    def answer_query(handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        asked.append(urllib.parse.parse_qs(body)["query"][0])
        respond(handler, write, status, headers)

    with http_server(answer_query) as address:
        yield Prometheus(address), asked


def last(write, matchers=None, **options):
    with serving(write if callable(write) else lambda file: file.write(write), **options) as made:
        source, asked = made
        return source.last("a", matchers or {"run": "r"}, 0, 9), asked


def test_text_that_is_not_ascii_is_asked_for_as_it_is():
    run = 'r "1"\\ü\N{GRINNING FACE}\n'
    _, asked = last(answer(), {"run": run})
    assert asked[0].startswith('last_over_time(a{run="r \\"1\\"\\\\ü\N{GRINNING FACE}\\n"}[')


def test_half_of_a_surrogate_pair_is_no_text():
    with pytest.raises(WattscanError, match="not Unicode text"):
        last(answer(), {"run": "\udcff"})
    with pytest.raises(WattscanError, match="does not answer like the Prometheus HTTP API"):
        last(answer([{"metric": {"run": "\ud83d"}, "value": [1, "1"]}]))


def test_a_series_without_samples_is_none():
    empty = {"metric": {"run": "other"}, "values": []}
    found, _ = last(answer([empty, SERIES]))
    assert [each.labels for each in found] == [{"run": "r"}]


def test_an_answer_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(http_reply, "_LONGEST_REPLY_MIB", 3)

    def endless(file):
        while True:
            file.write(b" " * (1 << 20))

    with pytest.raises(WattscanError, match="more than 3 MiB, which is more than a run has"):
        last(endless)


def test_so_is_one_that_unpacks_to_one(monkeypatch):
    monkeypatch.setattr(http_reply, "_LONGEST_REPLY_MIB", 3)
    with pytest.raises(WattscanError, match="more than 3 MiB"):
        last(gzip.compress(b" " * (4 << 20)), headers=[("Content-Encoding", "gzip")])


@pytest.mark.parametrize("where", ["headers", "body"])
def test_an_answer_that_drips_has_a_deadline(monkeypatch, where):
    monkeypatch.setattr(prometheus, "TIMEOUT_SECONDS", 0.5)

    def drip(file):
        for _ in range(100):
            file.write(b" ")
            file.flush()
            time.sleep(0.05)

    with pytest.raises(WattscanError, match=r"has not answered a query within 0.5 s"):
        if where == "body":
            last(drip, headers=[("Content-Length", "1000")])
        else:
            monkeypatch.setattr(
                http.server.BaseHTTPRequestHandler, "end_headers", lambda self: drip(self.wfile)
            )
            last(drip)


def test_an_answer_that_ends_too_early_is_told():
    with pytest.raises(WattscanError, match="cannot be reached: its answer ends after 5 bytes"):
        last(b'{"sta', headers=[("Content-Length", "1000")])
    with pytest.raises(WattscanError, match="ends after 20 bytes"):
        last(gzip.compress(answer())[:20], headers=[("Content-Encoding", "gzip")])


@pytest.mark.parametrize(
    "more",
    [
        {"isPartial": True},
        {"isPartial": True, "warnings": ["PromQL warning: store down"]},
        {"warnings": ["No StoreAPIs matched for this query: store down"]},
    ],
)
def test_what_is_partial_is_not_read_as_whole(more):
    with pytest.raises(WattscanError, match=r"may lack samples.*(store down|isPartial is true)"):
        last(answer(**more))


def test_a_remark_on_the_query_is_told_once(capsys):
    told = answer(warnings=["PromQL warning: mixed", "PromQL warning: mixed"])
    found, _ = last(told)
    assert found
    assert capsys.readouterr().err.count("remarks: PromQL warning: mixed\n") == 1


ERROR = {"status": "error", "errorType": "execution"}


def test_an_error_with_status_200_is_told():
    with pytest.raises(WattscanError, match=r"refused a query: too many samples$"):
        last(json.dumps({**ERROR, "error": "too many samples"}).encode())


def test_a_long_error_is_cut():
    with pytest.raises(WattscanError, match="refused a query: 422 too many samples") as raised:
        last(json.dumps({**ERROR, "error": "too many samples" + "x" * 5000}).encode(), status=422)
    assert len(str(raised.value)) < 400


def test_gzip_is_read_and_another_encoding_is_named():
    found, _ = last(gzip.compress(answer()), headers=[("Content-Encoding", "gzip")])
    assert found[0].value == 2.0
    with pytest.raises(WattscanError, match="in the encoding br, which was not asked for"):
        last(answer(), headers=[("Content-Encoding", "br")])
    with pytest.raises(WattscanError, match="does not answer like HTTP"):
        last(answer(), headers=[("Content-Encoding", "gzip")])
