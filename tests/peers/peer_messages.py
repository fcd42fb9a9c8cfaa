"""What is sent to the servers, and a client that must be served whatever else happens."""

import threading
import time
from contextlib import contextmanager

import grpc
import numpy as np

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

MODEL = "nerve-ultrasound-int8"
SHAPE = (80, 112, 1)
SEGMENT = "/wattscan.v1.ImagingService/Segment"
SIDES = (32, 256, 1023, 1024, 1025, 2300, 4500)
"""Of pictures of 1 KB to 20 MB."""


def picture(side):
    """A request of about side x side bytes."""
    pixels = np.zeros((side, side), np.uint8)
    raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=pixels.shape, data=pixels.tobytes())
    return pb.SegmentRequest(
        task="nerve-ultrasound", precision=pb.PRECISION_INT8, image=pb.Image(raw=raw)
    )


def tensor(rows=1):
    request = oip.ModelInferRequest(model_name=MODEL, id=str(rows))
    request.inputs.add(name="image", datatype="FP32", shape=(rows, *SHAPE))
    request.raw_input_contents.append(np.zeros((rows, *SHAPE), np.float32).tobytes())
    return request


@contextmanager
def served_meanwhile(channel):
    """Another client, which sends one call after another; gives the errors that it met."""
    stub, over, errors = rpc.ImagingServiceStub(channel), threading.Event(), []

    def steady():
        while not over.is_set():
            try:
                stub.Segment(picture(32), timeout=20)
            except grpc.RpcError as error:
                errors.append(f"{error.code().name}: {error.details()}")
            time.sleep(0.01)

    beside = threading.Thread(target=steady)
    beside.start()
    try:
        yield errors
    finally:
        over.set()
        beside.join()
