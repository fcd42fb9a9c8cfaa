"""The images that are sent, as ready-made requests."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from wattscan.wire import wattscan_v1_pb2 as pb

_METHODS: dict[str, tuple[str, type[pb.SegmentRequest] | type[pb.ClassifyRequest]]] = {
    "segmentation": ("/wattscan.v1.ImagingService/Segment", pb.SegmentRequest),
    "classification": ("/wattscan.v1.ImagingService/Classify", pb.ClassifyRequest),
}


class WorkloadError(Exception):
    """The images cannot be used; the text says why."""


@dataclass(frozen=True)
class Workload:
    """The requests of one variant, serialized once, in a seeded order."""

    method: str
    requests: tuple[bytes, ...]

    def request(self, number: int) -> bytes:
        """The request of the query of that number; starts again after the last."""
        return self.requests[number % len(self.requests)]


def load_workload(folder: Path, task: str, precision: str, kind: str, seed: int) -> Workload:
    """All files of `folder/<task>/`, sent as they are. Raises: WorkloadError."""
    files = sorted(path for path in (folder / task).glob("*") if path.is_file())
    if not files:
        raise WorkloadError(f"there is no image in {folder / task}")
    random.Random(seed).shuffle(files)  # noqa: S311
    method, message = _METHODS[kind]
    requests = (
        message(
            task=task,
            variant=precision,
            image=pb.Image(encoded=path.read_bytes()),
        ).SerializeToString()
        for path in files
    )
    return Workload(method, tuple(requests))
