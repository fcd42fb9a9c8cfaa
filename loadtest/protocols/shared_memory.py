"""The Open Inference Protocol, its tensors in the system's shared memory."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory as Block

import grpc
import numpy as np

from loadtest.connection import Connection
from loadtest.inputs import Input
from loadtest.protocols.open_inference import SERVICE, OpenInference, tensors_of
from loadtest.protocols.requests import Requests, Subject
from loadtest.protocols.tensors import tensor_batches
from wattscan.contracts import WattscanError
from wattscan.datatypes import NAMES
from wattscan.samples import Sample
from wattscan.wire import open_inference_pb2 as pb
from wattscan.workloads import Workload


class Region:
    """A block of shared memory that the service knows by a name."""

    def __init__(self, connection: Connection, name: str, size: int) -> None:
        """Raises: WattscanError: the service does not take it."""
        self._connection = connection
        self.name = name
        self._block = Block(create=True, size=max(1, size))
        try:
            # Without a place for its bytes, writing to it would end this process.
            os.posix_fallocate(self._block._fd, 0, max(1, size))  # type: ignore[attr-defined]
        except OSError as error:
            self._free()
            raise WattscanError(
                f"{size / 1e6:.0f} MB of shared memory cannot be had ({error.strerror}): mount a "
                "larger one, or send fewer at once with --in-flight"
            ) from None
        asked = pb.SystemSharedMemoryRegisterRequest(
            name=name, key=f"/{self._block.name.lstrip('/')}", byte_size=size
        )
        try:
            connection.ask(f"{SERVICE}SystemSharedMemoryRegister", asked.SerializeToString())
        except grpc.RpcError as error:
            self._free()
            raise WattscanError(
                f"the service at {connection.address} does not take shared memory "
                f"({error.details()}): oip-shm needs a service on this machine that offers it"
            ) from None

    def write(self, offset: int, content: bytes) -> None:
        """From that byte on."""
        assert self._block.buf is not None  # noqa: S101
        self._block.buf[offset : offset + len(content)] = content

    def close(self) -> None:
        """The service forgets it, and it is freed."""
        asked = pb.SystemSharedMemoryUnregisterRequest(name=self.name).SerializeToString()
        with suppress(grpc.RpcError):  # it has ended: so has its knowledge of the region
            self._connection.ask(f"{SERVICE}SystemSharedMemoryUnregister", asked)
        self._free()

    def _free(self) -> None:
        self._block.close()
        with suppress(FileNotFoundError):
            self._block.unlink()


@dataclass(frozen=True)
class SharedRequests(Requests):
    """Requests that name places in regions. Each has its own place for the answer, so that answers
    to requests that are under way together do not lie over each other."""

    regions: Sequence[Region] = field(default=())

    def close(self) -> None:
        """The regions are freed."""
        for region in self.regions:
            region.close()


class OpenInferenceSharedMemory(OpenInference):
    """As `OpenInference`, on one machine with the service."""

    def requests(self, workload: Workload, subject: Subject, variant: str) -> Requests:
        """As many as there may be at once, or more: a request's place is taken by it alone."""
        model = subject.models[variant]
        inputs, outputs = self.inputs(model), tensors_of(model, self.metadata(model).outputs)
        size, samples = tensor_batches(workload, subject, inputs)
        lengths = [_length(each, size) for each in outputs]
        count = max(len(samples), workload.in_flight)
        stride = sum(array.nbytes for array in samples[0].values())
        name = f"wattscan-load-{os.getpid()}-{model}"
        regions = [Region(self._connection, f"{name}-in", stride * len(samples))]
        try:
            for number, sample in enumerate(samples):
                _write(regions[0], number * stride, sample)
            if None not in lengths:
                total = sum(length or 0 for length in lengths)
                regions.append(Region(self._connection, f"{name}-out", total * count))
            messages = tuple(
                _request(model, samples, number, regions, list(zip(outputs, lengths, strict=True)))
                for number in range(count)
            )
        except BaseException:
            for region in regions:
                region.close()
            raise
        return SharedRequests(f"{SERVICE}ModelInfer", size, messages, regions)


def _length(output: Input, rows: int) -> int | None:
    """Its bytes; None where its size is not known before it is computed."""
    shape = [rows, *output.shape[1:]] if output.shape[:1] == (-1,) else list(output.shape)
    return None if min(shape, default=1) < 0 else math.prod(shape) * output.dtype.itemsize


def _write(region: Region, offset: int, sample: Sample) -> None:
    for array in sample.values():
        region.write(offset, np.ascontiguousarray(array).tobytes())
        offset += array.nbytes


def _request(
    model: str,
    samples: Sequence[Sample],
    number: int,
    regions: Sequence[Region],
    outputs: Sequence[tuple[Input, int | None]],
) -> bytes:
    sample = samples[number % len(samples)]
    message = pb.ModelInferRequest(model_name=model)
    offset = number % len(samples) * sum(array.nbytes for array in sample.values())
    for name, array in sample.items():
        tensor = message.inputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
        _place(tensor, regions[0], offset, array.nbytes)
        offset += array.nbytes
    if len(regions) > 1:
        offset = number * sum(length or 0 for _, length in outputs)
        for output, length in outputs:
            _place(message.outputs.add(name=output.name), regions[1], offset, length or 0)
            offset += length or 0
    return message.SerializeToString()


def _place(
    tensor: pb.ModelInferRequest.InferInputTensor | pb.ModelInferRequest.InferRequestedOutputTensor,
    region: Region,
    offset: int,
    size: int,
) -> None:
    tensor.parameters["shared_memory_region"].string_param = region.name
    tensor.parameters["shared_memory_offset"].int64_param = offset
    tensor.parameters["shared_memory_byte_size"].int64_param = size
