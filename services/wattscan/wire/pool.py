"""Where our messages are known by name: a pool of their own, not protobuf's default one.

Other packages bring files of the same messages under other names (tritonclient the Open Inference
Protocol, tensorflow-serving-api TensorFlow's), and one pool takes a name once.
"""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pool, wrappers_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

POOL = descriptor_pool.DescriptorPool()
# What ours import, and what a server that answers gRPC's reflection from this pool must know.
for _module in (any_pb2, wrappers_pb2, health_pb2, reflection_pb2):
    POOL.AddSerializedFile(_module.DESCRIPTOR.serialized_pb)
