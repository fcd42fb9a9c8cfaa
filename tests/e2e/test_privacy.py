"""No patient's name, id, UID or pixel, and no word of a client's, in anything that comes out.

Marked files and words go in by every path, through servers that work and one that fails with the
words in its exception; then logs, standard output, metrics, spans, error texts and trailing
metadata are searched for the marks, also in hexadecimal, base64 and UTF-16.
"""

import json
import signal

import pytest
from marked import HEADER, IDENT, NAME, PIXELS, UID, dicom_files, found
from marked_requests import classification, infer, infer_requests, predict, typed
from victim import MODEL, OIP, PREDICTION, TYPED, Victim

from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb


def send_files(victim):
    """Every condition through every method that takes files; returns the codes of each."""
    codes = {}
    for condition, data in dicom_files().items():
        failing = typed("nerve-ultrasound", data, pb.PRECISION_FP32)
        codes[condition] = [
            victim.send(f"{TYPED}/Segment", typed("nerve-ultrasound", data)),
            victim.send(f"{TYPED}/Classify", typed("chest-xray", data)),
            victim.send(
                f"{PREDICTION}/Classify", classification("chest-xray-int8", image__encoded=data)
            ),
            victim.send(f"{TYPED}/Segment", failing),
        ]
    return codes


def send_words(victim):
    """Marks in every other field, header and path."""
    for request in infer_requests():
        victim.send(f"{OIP}/ModelInfer", request)
    for request in (
        predict(), predict("failing"), predict(NAME), predict(name=NAME), predict(data=PIXELS),
        predict(signature_name=NAME), predict(version_label=NAME), NAME.encode(),
    ):  # fmt: skip
        victim.send(f"{PREDICTION}/Predict", request)
    for request in (
        classification(NAME), classification("chest-xray-int8", **{NAME: b"x"}),
        classification("chest-xray-int8", image__encoded=NAME.encode()),
        classification("chest-xray-int8", image=PIXELS), classification("tiny", image=PIXELS),
    ):  # fmt: skip
        victim.send(f"{PREDICTION}/Classify", request)
    send_words_of_models(victim)
    send_words_of_methods(victim)


def send_words_of_models(victim):
    spec = tfs.ModelSpec(name=NAME)
    for field in ("signature_def", NAME):
        request = tfs.GetModelMetadataRequest(model_spec=spec, metadata_field=[field])
        victim.send(f"{PREDICTION}/GetModelMetadata", request)
    victim.send(f"{MODEL}/GetModelStatus", tfs.GetModelStatusRequest(model_spec=spec))
    victim.send(f"{TYPED}/Segment", typed(NAME, PIXELS))
    raw = pb.RawTensor(data=PIXELS, shape=[4, 4], data_type=pb.DATA_TYPE_FP32)
    image = pb.Image(raw=raw)
    segment = pb.SegmentRequest(task="nerve-ultrasound", precision=pb.PRECISION_FP32, image=image)
    victim.send(f"{TYPED}/Segment", segment)
    for name, descriptor in oip.DESCRIPTOR.services_by_name["GRPCInferenceService"]\
            .methods_by_name.items():  # fmt: skip
        fields = [f for f in descriptor.input_type.fields if f.type == f.TYPE_STRING]
        request = getattr(oip, descriptor.input_type.name)(
            **{f.name: f"/{NAME}" for f in fields if not f.is_repeated}
        )
        if name != "ModelStreamInfer":
            victim.send(f"{OIP}/{name}", request)
            victim.send(f"{OIP}/{name}", b"\x0a\xff" + NAME.encode())


def send_words_of_methods(victim):
    for method in (f"{NAME}/{IDENT}", f"{OIP}/{NAME}", f"{TYPED}/ListModels"):
        victim.send(method, NAME.encode())
    for method in ("Health/Check", "Health/Watch"):
        for request in (b"\x0a\x0a" + NAME.encode(), NAME.encode()):
            victim.send(f"grpc.health.v1.{method}", request, timeout=0.5)  # Watch has no end
    reflection = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    for request in (b"\x22\x0a" + NAME.encode(), NAME.encode()):
        victim.send(reflection, request)
    victim.send(f"{TYPED}/Segment", typed("nerve-ultrasound", PIXELS * 300_000))  # too large


def send_headers(victim):
    """Marks where a client says who it is."""
    trace = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for metadata in (
        [("x-request-id", HEADER), ("traceparent", HEADER), ("tracestate", f"a={HEADER}")],
        [("traceparent", f"cc-{trace}-{HEADER}"), ("baggage", f"a={HEADER}")],
        [("traceparent", f"00-{trace}"), ("tracestate", f"ward={HEADER}"), ("priority", HEADER)],
        [("traceparent", HEADER * 100), ("priority", "9" * 100), ("patient-bin", NAME.encode())],
    ):  # fmt: skip
        victim.send(f"{OIP}/ModelInfer", infer(), metadata)
        victim.send(f"{OIP}/ModelInfer", infer("failing"), metadata)
    for token in (None, HEADER, f"{HEADER}-0123456789"):
        for method in ("ModelInfer", "RepositoryModelLoad", "ModelStreamInfer"):
            assert victim.send(f"{OIP}/{method}", infer(), token=token) == "UNAUTHENTICATED"
    victim.page(f"/metrics?name[]={NAME}&{IDENT}=1", {"Accept": HEADER, "X-Patient": NAME})
    for path in (f"/{NAME}", "/metrics"):
        victim.page(path)
    grpc_port = int(victim.ready["grpc"].rpartition(":")[2])
    page_port = int(victim.ready["metrics"].rpartition(":")[2].partition("/")[0])
    for line in (f"{NAME}\r\n\r\n", f"{NAME} / HTTP/1.1\r\n\r\n", f"GET /{NAME} {IDENT}/9\r\n\r\n"):
        for port in (page_port, grpc_port):
            victim.talk(port, line.encode())


@pytest.mark.parametrize("log", ["json", "text"])
def test_nothing_of_a_patient_or_a_client_comes_out(tmp_path, sink, log):
    victim = Victim(tmp_path, sink[0], "--log-format", log)
    try:
        codes = send_files(victim)
        assert codes["good"] == ["OK", "OK", "OK", "INTERNAL"]
        assert codes["cut after 140 bytes"] == ["INVALID_ARGUMENT"] * 4
        # A file is the client's fault, whatever is in it: only the backend's own is the server's.
        assert {c for each in codes.values() for c in each[:3]} == {"OK", "INVALID_ARGUMENT"}, codes
        send_words(victim)
        send_headers(victim)
        texts = victim.stream(infer_requests())
        assert texts[0] == ""
        assert "its log says where" in texts[1]
        victim.page()
        wait_until(lambda: sink[1])  # batches of spans leave every few seconds
        # A crash in the middle: the interpreter's own report is searched, too.
        victim.process.send_signal(signal.SIGABRT)
        # The report walks the frames of threads that go on, and may read one that is gone.
        assert victim.process.wait(20) in (-signal.SIGABRT, -signal.SIGSEGV)
    finally:
        victim.process.kill()
        victim.process.wait(20)
        victim.channel.close()
    printed = victim.printed()
    assert b"Fatal Python error: Aborted" in printed
    assert printed.count(b"request failed: ValueError at ") > 5
    if log == "json":
        lines = printed.partition(b"Fatal Python error")[0].decode().splitlines()
        entries = [json.loads(line) for line in lines]
        assert {"OK", "INTERNAL", "NOT_FOUND"} <= {entry.get("code") for entry in entries}
    assert b"wattscan.request_id" in b"".join(sink[1])
    leaks = [leak for data in (printed, *victim.said, *sink[1]) for leak in found(data)]
    assert leaks == []


def test_the_search_finds_what_it_looks_for():
    for data in (
        NAME.encode(),
        UID.encode(),
        PIXELS * 3,
        NAME.lower().encode(),
        PIXELS.hex().encode(),
    ):
        assert list(found(b"x" + data))
    assert list(found(f"{HEADER}".encode("utf-16")))
    assert list(found(str(list(PIXELS * 2)).encode()))
    assert not list(found(b"the image has 64 bytes"))
    files = dicom_files()
    assert len(files) > 35
    clean = {name for name, data in files.items() if not list(found(data))}
    assert clean == {"cut after 140 bytes"}
