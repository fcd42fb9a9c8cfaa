"""`wattscan collect`: what it prints, writes, and exits with."""

import argparse
import http.server
import json
import threading

import pytest
from synthetic import Spec, recording

from wattscan.collector.cli import add_arguments, run
from wattscan.contracts import WattscanError


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    specs = {"valid": Spec(), "quick": Spec(profile="quick"), "bad": Spec(generator_cpu=0.95)}
    for name, spec in specs.items():
        (folder / f"{name}.om").write_text(recording(spec), encoding="utf-8")
    return folder


def collect(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


def test_prints_and_writes(recordings, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert collect("--source", recordings / "valid.om", "--out", out) == 0
    told = capsys.readouterr()
    assert told.out == (out / "tables.md").read_text("utf-8")
    assert told.err == f"All tables: {out / 'tables.md'}\nReport: {out / 'report.html'}\n"
    assert {path.name for path in out.iterdir()} == {
        "tables.md",
        "energy.csv",
        "paper.csv",
        "quality.csv",
        "projections.csv",
        "tables.json",
        "cells.om",
        "report.html",
    }


def test_a_run_s_folder_stands_for_its_recording_and_its_warnings(recordings, tmp_path, capsys):
    (tmp_path / "recording.om").write_bytes((recordings / "quick.om").read_bytes())
    assert collect("--source", tmp_path) == 0
    assert "Warning" not in capsys.readouterr().out
    (tmp_path / "warnings.txt").write_text("When the run began: It is busy.\n\n")
    assert collect("--source", tmp_path, "--out", tmp_path / "new") == 0
    told = capsys.readouterr().out
    assert "- Warning. When the run began: It is busy.\n" in told
    assert "It is busy" in (tmp_path / "new" / "report.html").read_text("utf-8")
    document = json.loads((tmp_path / "new" / "tables.json").read_text("utf-8"))
    assert document["warnings"] == ["When the run began: It is busy."]
    with pytest.raises(WattscanError, match=r"new is a folder without a recording\.om: give a rec"):
        collect("--source", tmp_path / "new")


def test_paper_only(recordings, capsys):
    assert collect("--source", recordings / "valid.om", "--paper") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("## The paper's Table 1")
    assert "## The paper's Table 2" in printed
    assert "| jetson-nano" in printed
    assert "## Energy" not in printed


@pytest.mark.parametrize(
    ("name", "required", "code"),
    [
        ("valid", "valid", 0),
        ("quick", "valid", 1),
        ("quick", "indicative", 0),
        ("bad", "indicative", 1),
        ("bad", None, 0),
    ],
)
def test_require(recordings, capsys, name, required, code):
    more = ["--require", required] if required else []
    assert collect("--source", recordings / f"{name}.om", *more) == code
    captured = capsys.readouterr()
    assert captured.out.startswith("# Wattscan")
    assert bool(captured.err) == bool(code)


def test_an_unknown_run_names_the_known_ones(recordings):
    with pytest.raises(WattscanError, match=r"no run 'x' in .*; there is: run-1"):
        collect("--source", recordings / "valid.om", "--run", "x")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.om", "missing.om cannot be read: No such file"),
        ("ftp://there/x", "not an http:// or https:// address"),
        ("http://[", "not an http:// or https:// address"),
        ("http://host:port", "not an http:// or https:// address"),
        ("http://", "not an http:// or https:// address"),
        ("http://127.0.0.1:9", "cannot be reached"),
    ],
)
def test_bad_sources(source, said):
    with pytest.raises(WattscanError, match=said):
        collect("--source", source)


def test_a_folder_that_is_a_file(recordings, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WattscanError, match="cannot be written to"):
        collect("--source", recordings / "quick.om", "--out", tmp_path / "taken")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "does not answer like the Prometheus HTTP API"),
        (422, b'{"status":"error","error":"too many samples"}', "refused .*422 too many samples"),
        (401, b"no", "refused a query: 401"),
        (200, b'{"status":"success","data":{"result":[]}}', "there is no run in http"),
    ],
)
def test_servers_that_do_not_help(status, body, said, monkeypatch):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.headers.get("Authorization"))
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("WATTSCAN_PROMETHEUS_TOKEN", "secret")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(WattscanError, match=said) as raised:
            collect("--source", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert seen[0] == "Bearer secret"
    assert "secret" not in str(raised.value)
