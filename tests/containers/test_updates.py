"""One image takes another's place under load, as an update does: no call is lost."""

import json
import threading
import time

import grpc
from rig import code_of, typed_request

from wattscan.wire import wattscan_v1_pb2_grpc as rpc

CALLS = 500


def test_an_update_from_one_image_to_another_loses_no_call(start):
    """The new one is ready before the old one is stopped, and the client retries as gRPC does."""
    old, next_one = start("cpu-litert"), start("cpu-openvino")
    config = json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [
                {
                    "name": [{}],
                    "waitForReady": True,
                    "retryPolicy": {
                        "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s",
                        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"],
                    },
                }
            ],
        }
    )  # fmt: skip
    options = [("grpc.service_config", config), ("grpc.use_local_subchannel_pool", 1)]
    answers, stopped = [], []

    def update():
        while len(answers) < CALLS // 4:
            time.sleep(0.01)
        stopped.append(old.stop())

    updating = threading.Thread(target=update)
    with grpc.insecure_channel(f"ipv4:{old.grpc},{next_one.grpc}", options=options) as channel:
        segment = rpc.ImagingServiceStub(channel).Segment
        updating.start()
        while len(answers) < CALLS or updating.is_alive():
            answers.append(code_of(lambda: segment(typed_request(), timeout=30)))
        updating.join()
    assert stopped == [0]
    assert set(answers) == {"OK"}, answers
