"""Who waits for an engine."""

from __future__ import annotations

import heapq
import itertools

from wattscan.serving.batching.work import Work


class Queue:
    """By priority, then in order of arrival. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Work]] = []
        self._order = itertools.count()
        self.rows = 0
        """Of all that wait."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def push(self, work: Work, priority: int) -> None:
        """It waits, behind those of its priority."""
        heapq.heappush(self._waiting, (priority, next(self._order), work))
        self.rows += work.rows

    def pop(self) -> Work:
        """The first, taken out. Raises: IndexError: nobody waits."""
        _, _, work = heapq.heappop(self._waiting)
        self.rows -= work.rows
        return work

    def take_fitting(self, leader: Work, room: int) -> list[Work]:
        """Those of the leader's shapes for which there is room, in order, taken out."""
        taken, left = [], []
        for entry in sorted(self._waiting):
            work = entry[2]
            if room >= work.rows and work.shapes == leader.shapes and work.refusal() is None:
                taken.append(work)
                room -= work.rows
            else:
                left.append(entry)
        if taken:
            self._waiting = left  # sorted, hence a heap
            self.rows -= sum(work.rows for work in taken)
        return taken

    def remove(self, work: Work) -> None:
        """Take it out, if it is there."""
        left = [entry for entry in self._waiting if entry[2] is not work]
        if len(left) < len(self._waiting):
            heapq.heapify(left)
            self._waiting = left
            self.rows -= work.rows

    def clear(self) -> list[Work]:
        """Take all out."""
        gone = [work for _, _, work in self._waiting]
        self._waiting, self.rows = [], 0
        return gone
