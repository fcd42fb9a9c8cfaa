"""Clients of other makers in a conversation, with the server itself and through each proxy."""

import json
import os
import shutil
import subprocess

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from peer_messages import SEGMENT, SIDES, picture, tensor

from conftest import CLIENTS, HERE, PEERS, SETUP
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

SCRIPTS = HERE / "clients"
MODULES = CLIENTS / "node" / "node_modules"
STREAMED = range(1, 6)


def need(path):
    if not path.exists():
        pytest.skip(f"the client is not set up: {SETUP}")
    return str(path)


def node(script):
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs npm")
    need(MODULES)
    return [program, str(SCRIPTS / script)]


OTHERS = {
    "grpc-js": lambda: node("grpc_js.cjs"),
    "connect-node": lambda: node("connect_node.mjs"),
    "grpclib": lambda: [need(PEERS / "python"), str(SCRIPTS / "grpclib_client.py")],
}


def told(command):
    """What a client printed."""
    environment = {"PATH": os.environ["PATH"], "NODE_MODULES": str(MODULES)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_plan(folder):
    """The requests, and who is what."""
    plan = {
        "unary": [f"picture-{side}" for side in SIDES],
        "stream": [f"tensor-{rows}" for rows in STREAMED],
        "late": "picture-4500",
        "cancelled": "picture-1025",
        "refused": "no-such-model",
    }
    requests = {f"picture-{side}": picture(side) for side in SIDES}
    requests |= {f"tensor-{rows}": tensor(rows) for rows in STREAMED}
    requests["no-such-model"] = oip.ModelInferRequest(model_name="none")
    for name, message in requests.items():
        (folder / name).write_bytes(message.SerializeToString())
    (folder / "plan.json").write_text(json.dumps(plan))
    files = FileDescriptorSet()
    for each in (pb.DESCRIPTOR, oip.DESCRIPTOR):
        each.CopyToProto(files.file.add())
    (folder / "descriptors").write_bytes(files.SerializeToString())


@pytest.mark.parametrize("client", OTHERS)
def test_a_conversation(address, client, tmp_path):
    command = OTHERS[client]()
    write_plan(tmp_path)
    found = told([*command, address, str(tmp_path)])
    for side in SIDES:
        answer = (tmp_path / f"picture-{side}.answer").read_bytes()
        assert len(pb.SegmentResponse.FromString(answer).mask.pixels) == side * side
    for rows in STREAMED:
        answer = (tmp_path / f"tensor-{rows}.answer").read_bytes()
        assert oip.ModelStreamInferResponse.FromString(answer).infer_response.id == str(rows)
    assert found["late"] == 4  # DEADLINE_EXCEEDED
    code, text = found["refused"]
    assert code == 5  # NOT_FOUND
    assert "no such model" in text


def test_tensors_through_tritonclient(address):
    python = need(CLIENTS / "triton" / "bin" / "python")
    found = told([python, str(SCRIPTS / "tritonclient_peer.py"), address])
    assert found["ready"]
    assert found["sizes"] == {str(rows): rows for rows in (1, 8, 30, 64)}
    assert found["streamed"] == [str(number) for number in range(5)]
    assert found["late"] == "StatusCode.DEADLINE_EXCEEDED"
    code, text = found["refused"]
    assert code == "StatusCode.NOT_FOUND"
    assert "no such model" in text


def test_curl(address, tmp_path, need_program):
    program = need_program("curl", "curl")
    for side in SIDES:
        message = picture(side).SerializeToString()
        (tmp_path / "body").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        command = [program, "--silent", "--show-error", "--max-time", "20"]
        command += ["--http2-prior-knowledge", "-H", "content-type: application/grpc"]
        command += ["-H", "te: trailers", "--data-binary", f"@{tmp_path / 'body'}"]
        command += ["-o", str(tmp_path / "answer"), f"http://{address}{SEGMENT}"]
        subprocess.run(command, check=True)
        answer = (tmp_path / "answer").read_bytes()
        assert len(pb.SegmentResponse.FromString(answer[5:]).mask.pixels) == side * side
