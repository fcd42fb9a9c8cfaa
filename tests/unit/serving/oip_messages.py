"""Requests and responses of the Open Inference Protocol, without a server."""

import numpy as np
from serving_rig import Engine, plain_model

from wattscan.contracts import Batching
from wattscan.serving.call import Call
from wattscan.serving.protocols.oip.datatypes import name_of
from wattscan.serving.protocols.oip.inputs import arrays_of, read_request
from wattscan.serving.protocols.oip.outputs import response, wanted_outputs
from wattscan.serving.protocols.oip.shared_memory import SharedMemory
from wattscan.wire import open_inference_pb2 as pb

OFF = SharedMemory(enabled=False)
ONES = np.ones((2, 4), np.float32)


def read(message, memory=OFF):
    return arrays_of(read_request(message.SerializeToString()), memory)


def raw(*given_, **names):
    message = pb.ModelInferRequest(model_name="m")
    for name, array in names.items():
        message.inputs.add(name=name, datatype=name_of(array.dtype), shape=array.shape)
        message.raw_input_contents.append(array.tobytes())
    return message


def answered(message, outputs, energy=None, memory=OFF):
    model = plain_model(Engine(), Batching())
    call = Call("oip", model=model, energy=energy)
    data = response(message, wanted_outputs(message, model), outputs, call, memory)
    return pb.ModelInferResponse.FromString(b"".join(data))
