"""What a line of the log has, and what it never has."""

import io
import json
import logging
import re
import subprocess
import sys

import pytest

from wattscan.serving.logs import JsonFormatter, TextFormatter, configure

SECRET = "SECRET^PATIENT"


@pytest.fixture
def stream():
    """A root logger of the test's own, in the state that the command line leaves it in."""
    root, raising = logging.getLogger(), logging.raiseExceptions
    kept, level = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers = [logging.StreamHandler(stream)]
    root.setLevel(logging.INFO)
    yield stream
    root.handlers, logging.raiseExceptions = kept, raising
    root.setLevel(level)


def log_failure(name, message="it failed"):
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        logging.getLogger(name).exception(message.format(error))


def test_a_json_line_for_each_record(stream):
    configure("json")
    log = logging.getLogger("wattscan.requests")
    log.info("plain %s", 'with "quotes",\nlines and \N{SNOWMAN}')
    log.warning(
        "served",
        extra={"request_id": "ab12", "trace_id": "", "task": "chest-xray", "precision": "int8",
               "protocol": "oip", "code": "OK", "seconds": 0.25, "patient": SECRET},
    )  # fmt: skip
    plain, served = map(json.loads, stream.getvalue().splitlines())
    assert set(plain) == {"time", "level", "logger", "message"}
    assert plain["message"] == 'plain with "quotes",\nlines and \N{SNOWMAN}'
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", plain["time"])
    assert served | {"time": ""} == {
        "time": "", "level": "WARNING", "logger": "wattscan.requests", "message": "served",
        "request_id": "ab12", "task": "chest-xray", "precision": "int8", "protocol": "oip",
        "code": "OK", "seconds": 0.25,
    }  # fmt: skip


def test_times_are_of_utc():
    record = logging.makeLogRecord({"created": 0.25, "msecs": 250.0, "msg": "x", "name": "n"})
    assert json.loads(JsonFormatter().format(record))["time"] == "1970-01-01T00:00:00.250Z"


def test_a_text_line_names_its_request(stream):
    configure("text")
    logging.getLogger("wattscan").info("served", extra={"request_id": "ab12"})
    logging.getLogger("wattscan").info("ready")
    served, ready = stream.getvalue().splitlines()
    assert served.endswith("INFO wattscan: served [ab12]")
    assert ready.endswith("INFO wattscan: ready")


@pytest.mark.parametrize("kind", ["json", "text"])
def test_of_an_exception_the_type_alone(stream, kind):
    configure(kind)
    log_failure("wattscan.requests")
    # gRPC puts an exception's text into the message, too.
    log_failure("grpc._server", "Exception calling application: {}")
    text = stream.getvalue()
    assert SECRET not in text
    assert "Traceback" not in text
    assert len(text.splitlines()) == 2
    assert "it failed" in text
    assert text.count("ValueError") >= 2
    if kind == "json":
        assert [json.loads(line)["exception"] for line in text.splitlines()] == ["ValueError"] * 2


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_record_is_left_as_it_was(formatter):
    try:
        raise ValueError(SECRET)
    except ValueError:
        record = logging.LogRecord("grpc", logging.ERROR, "", 0, "of %s", ("x",), sys.exc_info())
    assert SECRET not in formatter.format(record)
    assert record.exc_info[0] is ValueError
    assert record.getMessage() == "of x"


@pytest.mark.parametrize("kind", ["json", "text"])
def test_a_log_that_cannot_be_written_ends_nothing(stream, kind, capfd):
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(28, f"no space left for {SECRET}")

        def flush(self):
            self.write("")

    (handler, *_) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(Full())
    configure(kind)
    logging.getLogger("wattscan").error("lost")
    log_failure("wattscan")
    words = ["arguments"]
    logging.getLogger("wattscan").error("too few %s %s", *words)
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_ends_no_process():
    code = (
        "import logging; from wattscan.serving.logs import configure;"
        "logging.basicConfig(level=logging.INFO); configure('json');"
        # It leaves as the service does: the interpreter's own end would tell of the full disk.
        "logging.info('lost'); print('alive', flush=True); import os; os._exit(0)"
    )
    with open("/dev/full", "w") as full:  # noqa: PTH123  there is no text API for it
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, timeout=60
        )
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_libraries_in_c_do_not_write_into_the_log():
    code = """
import faulthandler, logging, os, signal, sys
from wattscan.serving.logs import configure, private_stderr
logging.basicConfig(level=logging.INFO)
faulthandler.enable()
private_stderr()
configure("json")
os.write(2, b"SECRET")
logging.info("told")
print("wattscan: printed", file=sys.stderr)
os.kill(os.getpid(), signal.SIGABRT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    told, printed, *crash = done.stderr.splitlines()
    assert json.loads(told)["message"] == "told"
    assert printed == "wattscan: printed"
    assert crash[0] == "Fatal Python error: Aborted"
    assert "SECRET" not in done.stderr
