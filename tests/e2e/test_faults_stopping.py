"""SIGTERM while each protocol's clients are at it: no request that was accepted is lost."""

import signal
import threading
import time

import grpc
import pytest
from rig import code_of, oip_request, tfs_request

from waiting import wait_until

pytestmark = pytest.mark.slow

_DRAINING = "the server is stopping"


class Unary(threading.Thread):
    """One request after another, until one fails."""

    def __init__(self, send, first):
        super().__init__()
        self.send, self.number, self.ended = send, first, []

    def run(self):
        while not self.ended or self.ended[-1] == "OK":
            self.number += 8
            self.ended.append(code_of(lambda: self.send(self.number)))


class Streaming(threading.Thread):
    """A stream with a few requests on their way at any time, until one is refused."""

    def __init__(self, rig, first):
        super().__init__()
        self.rig, self.first, self.ended, self.asked, self.answered = rig, first, [], [], []
        self.more, self.stopping = threading.Semaphore(4), False

    def requests(self):
        while self.more.acquire(timeout=10) and not self.stopping:
            self.asked.append(f"{self.first + 8 * len(self.asked):g}")
            yield oip_request(float(self.asked[-1]))

    def run(self):
        try:
            for answer in self.rig.oip.ModelStreamInfer(self.requests(), timeout=60):
                self.answered.append(answer.infer_response.id)
                self.ended.append("UNAVAILABLE" if _DRAINING in answer.error_message else "OK")
                assert not answer.error_message or self.ended[-1] == "UNAVAILABLE"
                self.stopping = self.stopping or self.ended[-1] != "OK"
                self.more.release()
        except grpc.RpcError as error:
            self.ended.append(error.code().name)


def clients_of(rig, protocol, count=6):
    if protocol == "oip stream":
        return [Streaming(rig, 1 + n) for n in range(count)]
    send = {
        "oip": lambda number: rig.oip.ModelInfer(oip_request(number), timeout=60),
        "tfs": lambda number: rig.tfs(tfs_request(number), timeout=60),
    }[protocol]
    return [Unary(send, n) for n in range(count)]


@pytest.mark.parametrize("batching", [False, True])
@pytest.mark.parametrize("protocol", ["oip", "oip stream", "tfs"])
def test_sigterm_under_load_loses_no_accepted_request(start_rig, tmp_path, protocol, batching):
    folder = tmp_path / "models" / "plain"
    folder.mkdir(parents=True)
    if batching:
        table = "[batching]\nmax_batch_size = 4\nqueue_delay_seconds = 0.005\n"
        (folder / "model.toml").write_text(table)
    rig = start_rig(typed=False)
    rig.tell("slow", "0.004")
    clients = clients_of(rig, protocol)
    for client in clients:
        client.start()
    wait_until(lambda: sum(len(client.ended) for client in clients) > 60)
    rig.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    for client in clients:
        client.join(60)
    assert rig.process.wait(60) == 0
    assert time.monotonic() - began < 25
    ended = [code for client in clients for code in client.ended]
    assert ended.count("OK") > 60
    assert set(ended) == {"OK", "UNAVAILABLE"}
    # What was computed was answered: each request that a client counts as done, and no other.
    assert len(rig.computed()) == ended.count("OK")
    if protocol == "oip stream":
        for client in clients:
            answered = client.answered[: client.ended.count("OK")]
            assert answered == client.asked[: len(answered)]
    log = rig.log.read_text()
    assert "stopped" in log
    assert "Traceback" not in log
    assert "ERROR" not in log


def test_what_waits_in_the_queue_when_sigterm_comes_is_answered(start_rig):
    rig = start_rig(typed=False, max_batch_size=4, queue_delay=0.005)
    rig.tell("hang")
    accepted = [rig.oip.ModelInfer.future(oip_request(1), timeout=30)]
    wait_until(lambda: 1 in rig.computed())
    accepted += [rig.oip.ModelInfer.future(oip_request(n), timeout=30) for n in range(2, 32)]
    wait_until(lambda: rig.value("wattscan_queue_depth") == 30)
    rig.process.send_signal(signal.SIGTERM)
    late = lambda: code_of(lambda: rig.oip.ModelInfer(oip_request(99), timeout=5))  # noqa: E731
    wait_until(lambda: "draining" in rig.log.read_text())
    wait_until(lambda: late() == "UNAVAILABLE")
    rig.stop_telling("hang")
    assert [call.result(60).id for call in accepted] == [f"{n}" for n in range(1, 32)]
    assert rig.process.wait(20) == 0
    assert sorted(rig.computed()) == list(range(1, 32))
