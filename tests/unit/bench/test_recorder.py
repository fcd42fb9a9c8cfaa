import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wattscan.bench.progress import duration
from wattscan.bench.recorder import Recorder, ScrapedPage, _labelled

PAGE = """# HELP a_total Things.
# TYPE a counter
a_total{x="1 {odd} \\" value"} 3.0
b 2.5
c{} 1
# EOF
"""


class Server(HTTPServer):
    serving = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        if not self.server.serving:
            self.send_error(503)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def recorder(server, tmp_path):
    recorder = Recorder(tmp_path / "recording.om")
    recorder.start()
    url = f"http://127.0.0.1:{server.server_port}/metrics"
    # Scraped by the test alone, not by the clock.
    recorder.add(ScrapedPage(url, "j", "i", interval=3600.0, due=float("inf")))
    return recorder


def lines(recorder):
    return recorder.path.read_text().splitlines()


def test_samples_get_labels_and_timestamps(recorder):
    recorder.scrape()
    recorder.stop(complete=True)
    written = lines(recorder)
    assert written[0].startswith('up{job="j",instance="i"} 1 ')
    assert written[1].startswith('scrape_duration_seconds{job="j",instance="i"} 0.')
    assert written[2:4] == ["# HELP a_total Things.", "# TYPE a counter"]
    assert written[4].startswith('a_total{job="j",instance="i",x="1 {odd} \\" value"} 3.0 ')
    assert written[5].startswith('b{job="j",instance="i"} 2.5 ')
    assert written[6].startswith('c{job="j",instance="i"} 1 ')
    assert written[-1] == "# EOF"
    assert len(written[4].rsplit(" ", 1)[1].partition(".")[2]) == 3


def test_descriptions_are_written_once_and_times_never_repeat(recorder):
    for _ in range(20):
        recorder.scrape()
    recorder.stop(complete=True)
    written = lines(recorder)
    assert sum(line.startswith("# TYPE a ") for line in written) == 1
    times = [float(line.rsplit(" ", 1)[1]) for line in written if line.startswith("up{")]
    assert len(set(times)) == 20
    assert times == sorted(times)


def test_a_page_that_does_not_answer_is_down_and_leaves_no_sample(recorder, server):
    server.serving = False
    recorder.scrape()
    recorder.stop(complete=True)
    assert lines(recorder)[0].startswith('up{job="j",instance="i"} 0 ')
    assert len(lines(recorder)) == 3


def test_an_incomplete_recording_says_so(recorder):
    recorder.scrape()
    recorder.stop(complete=False)
    assert "# EOF" not in lines(recorder)


def test_labels_go_in_front():
    assert _labelled('m{a="b"} 1', 'job="j"') == 'm{job="j",a="b"} 1'
    assert _labelled("m 1", 'job="j"') == 'm{job="j"} 1'


@pytest.mark.parametrize(
    ("seconds", "text"), [(75, "75 s"), (720, "12 min"), (12_000, "3 h 20 min")]
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text
