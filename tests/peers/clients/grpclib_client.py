"""A conversation through grpclib: see ../test_other_clients.py."""

import asyncio
import json
import sys
from pathlib import Path

from grpclib.client import Channel, StreamStreamMethod, UnaryUnaryMethod
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError


class Bytes(CodecBase):
    """Messages as they are."""

    __content_subtype__ = "proto"

    def encode(self, message, message_type):
        return message

    def decode(self, data, message_type):
        return data


async def main(address, folder):
    plan = json.loads((folder / "plan.json").read_text())
    host, _, port = address.rpartition(":")
    channel = Channel(host, int(port), codec=Bytes())
    segment = UnaryUnaryMethod(channel, "/wattscan.v1.ImagingService/Segment", bytes, bytes)
    service = "/inference.GRPCInferenceService"
    infer = UnaryUnaryMethod(channel, f"{service}/ModelInfer", bytes, bytes)
    streaming = StreamStreamMethod(channel, f"{service}/ModelStreamInfer", bytes, bytes)
    for name in plan["unary"]:
        answer = await segment((folder / name).read_bytes(), timeout=30)
        (folder / f"{name}.answer").write_bytes(answer)
    async with streaming.open(timeout=30) as stream:
        for name in plan["stream"]:
            # The next one only when this one is answered: the half-close comes late.
            await stream.send_message((folder / name).read_bytes())
            (folder / f"{name}.answer").write_bytes(await stream.recv_message())
        await stream.end()
    late = 0
    try:
        await segment((folder / plan["late"]).read_bytes(), timeout=0.005)
    except asyncio.TimeoutError:  # its own, not yet the built-in one in Python 3.10
        late = 4
    except GRPCError as error:
        late = error.status.value
    for number in range(20):
        call = asyncio.ensure_future(segment((folder / plan["cancelled"]).read_bytes()))
        await asyncio.sleep(number / 1000)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await segment((folder / plan["unary"][0]).read_bytes(), timeout=30)
    refused = [0, ""]
    try:
        await infer((folder / plan["refused"]).read_bytes(), timeout=30)
    except GRPCError as error:
        refused = [error.status.value, error.message]
    print(json.dumps({"late": late, "refused": refused}))
    channel.close()


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
