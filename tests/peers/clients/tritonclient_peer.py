"""Tensors through tritonclient: see ../test_other_clients.py."""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton

MODEL, SHAPE = "nerve-ultrasound-int8", (80, 112, 1)


def tensor(rows):
    made = triton.InferInput("image", [rows, *SHAPE], "FP32")
    made.set_data_from_numpy(np.zeros((rows, *SHAPE), np.float32))
    return made


def code_of(call):
    try:
        call()
    except triton.InferenceServerException as error:
        return error.status(), error.message()
    return "OK", ""


def main(address):
    client = triton.InferenceServerClient(address)
    ready = client.is_server_ready() and client.is_model_ready(MODEL)
    (name,) = [each["name"] for each in client.get_model_metadata(MODEL, as_json=True)["outputs"]]
    sizes = {}
    for rows in (1, 8, 30, 64):
        answer = client.infer(MODEL, [tensor(rows)], client_timeout=60)
        sizes[rows] = answer.as_numpy(name).shape[0]
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put(error or result.get_response().id))
    streamed = []
    for number in range(5):
        client.async_stream_infer(MODEL, [tensor(1)], request_id=str(number))
        streamed.append(str(answers.get(timeout=30)))
    client.stop_stream()
    late, _ = code_of(lambda: client.infer(MODEL, [tensor(64)], client_timeout=0.005))
    done = queue.Queue()
    for _ in range(20):
        client.async_infer(MODEL, [tensor(8)], lambda **told: done.put(told)).cancel()
    for _ in range(20):
        done.get(timeout=30)
    client.infer(MODEL, [tensor(1)], client_timeout=30)
    refused = code_of(lambda: client.infer("none", [tensor(1)]))
    told = {"ready": ready, "sizes": sizes, "streamed": streamed, "late": late, "refused": refused}
    print(json.dumps(told))


main(sys.argv[1])
