"""Requests with a mark in every field that a client fills in."""

from marked import IDENT, NAME, PIXELS

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_pb2 as tf
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb

SHOWN = "shown"  # the mark of what a client is told again: its own id


def typed(task, encoded, precision=pb.PRECISION_INT8):
    kind = pb.ClassifyRequest if task == "chest-xray" else pb.SegmentRequest
    return kind(task=task, precision=precision, image=pb.Image(encoded=encoded))


def classification(name, **features):
    request = tfs.ClassificationRequest(model_spec=tfs.ModelSpec(name=name))
    feature = {
        key.replace("__", "/"): tf.Feature(bytes_list=tf.BytesList(value=[value]))
        for key, value in features.items()
    }
    request.input.example_list.examples.add(features=tf.Features(feature=feature))
    return request


def infer(model="tiny", name="image", data=PIXELS * 8, datatype="FP32", **fields):
    request = oip.ModelInferRequest(model_name=model, id=f"{SHOWN}-{IDENT}", **fields)
    request.inputs.add(name=name, datatype=datatype, shape=[1, 4, 4, 1])
    request.raw_input_contents.append(data)
    return request


def predict(model="tiny", name="image", data=PIXELS * 8, **spec):
    request = tfs.PredictRequest(model_spec=tfs.ModelSpec(name=model, **spec))
    tensor = request.inputs[name]
    tensor.dtype, tensor.tensor_content = tf.DT_FLOAT, data
    for size in (1, 4, 4, 1):
        tensor.tensor_shape.dim.add(size=size)
    return request


def infer_requests():
    """OIP requests with marks in every field that a client fills in."""
    parameter = oip.InferParameter(string_param=NAME)
    region = {"shared_memory_region": parameter, "shared_memory_byte_size": oip.InferParameter()}
    asked = oip.ModelInferRequest.InferRequestedOutputTensor
    requests = [
        infer(), infer("failing"), infer(NAME), infer(f"../{NAME}"), infer(name=NAME),
        infer(datatype=NAME), infer(data=PIXELS), infer(data=PIXELS * 9), infer(model_version=NAME),
        infer(parameters={NAME: parameter, "priority": parameter, "timeout": parameter}),
        infer(parameters={"sequence_id": parameter}),
        infer(outputs=[asked(name=NAME)]),
        infer(outputs=[asked(name="mask", parameters=region)]),
        infer(outputs=[asked(name="mask", parameters={"classification": parameter})]),
    ]  # fmt: skip
    for parameters in (region, {NAME: parameter}):
        with_region = infer()
        for key, value in parameters.items():
            with_region.inputs[0].parameters[key].CopyFrom(value)
        requests.append(with_region)
    typed_contents = infer()
    del typed_contents.raw_input_contents[:]
    typed_contents.inputs[0].contents.bytes_contents.append(NAME.encode())
    nan = infer("nerve-ultrasound-int8", data=b"\xff" * (80 * 112 * 4))
    nan.inputs[0].shape[:] = [1, 80, 112, 1]
    requests += [typed_contents, nan, infer().SerializeToString()[:-3] + NAME.encode()]
    return requests
