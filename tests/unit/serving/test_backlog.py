"""What is counted later is counted once, and before anybody reads."""

import threading

from wattscan.serving.backlog import Backlog


def test_who_reads_sees_all_that_was_added():
    counted = []
    backlog = Backlog(counted.append)
    for number in range(5):
        backlog.add(number)
    assert counted == [], "not yet: it is cheaper together"
    with backlog.settled():
        assert counted == [0, 1, 2, 3, 4]


def test_notes_do_not_pile_up():
    counted = []
    backlog = Backlog(counted.append)
    for number in range(1000):
        backlog.add(number)
        assert number + 1 - len(counted) < 32
    assert counted == sorted(counted)


def test_threads_lose_nothing():
    counted = []
    backlog = Backlog(counted.append)

    def add(start):
        for number in range(start, start + 5000):
            backlog.add(number)

    threads = [threading.Thread(target=add, args=(5000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with backlog.settled():
            before = len(counted)
            assert len(counted) == before
    with backlog.settled():
        assert sorted(counted) == list(range(20_000))
