"""Requests that a service refuses, each with its status and a part of its sentence."""

from pathlib import Path

from pydicom.data import get_testdata_file

from odd_images import png_header
from wattscan.wire import wattscan_v1_pb2 as pb

INT8 = pb.PRECISION_INT8


def dicom_bytes(name):
    return Path(get_testdata_file(name)).read_bytes()


def request(image, precision=INT8, name="nerve-ultrasound"):
    return pb.SegmentRequest(task=name, precision=precision, image=image)


GOOD = pb.Image(encoded=dicom_bytes("examples_rgb_color.dcm"))
BAD = {
    "not an image": (request(pb.Image(encoded=b"hello " * 99)), "INVALID_ARGUMENT", "DICOM, PNG"),
    "empty": (request(pb.Image(encoded=b"")), "INVALID_ARGUMENT", "is empty"),
    "no image": (request(pb.Image()), "INVALID_ARGUMENT", "no image"),
    "truncated DICOM": (
        request(pb.Image(encoded=GOOD.encoded[:5000])),
        "INVALID_ARGUMENT",
        "truncated",
    ),
    "100 megapixels": (
        request(pb.Image(encoded=png_header(10_000, 10_000))),
        "INVALID_ARGUMENT",
        "the limit is 50000000",
    ),
    "wrong shape": (
        request(
            pb.Image(
                raw=pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=[80, 112], data=b"x" * 99)
            )
        ),
        "INVALID_ARGUMENT",
        "has 99 bytes; shape",
    ),
    "wrong rank": (
        request(
            pb.Image(
                raw=pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=[1, 2, 3, 4], data=b"x" * 24)
            )
        ),
        "INVALID_ARGUMENT",
        "must be",
    ),
    "no data type": (
        request(pb.Image(raw=pb.RawTensor(shape=[2, 2], data=b"1234"))),
        "INVALID_ARGUMENT",
        "DATA_TYPE_UINT8",
    ),
    "no such frame": (
        request(pb.Image(encoded=GOOD.encoded, frame=7)),
        "INVALID_ARGUMENT",
        "frame 7",
    ),
    "no precision": (request(GOOD, pb.PRECISION_UNSPECIFIED), "INVALID_ARGUMENT", "not given"),
    "unknown precision": (request(GOOD, 99), "INVALID_ARGUMENT", "99, which is unknown"),
    "unknown variant": (
        pb.SegmentRequest(task="nerve-ultrasound", variant="int4", image=GOOD),
        "NOT_FOUND",
        "nerve-ultrasound-int8",
    ),
    "two variants": (
        pb.SegmentRequest(
            task="nerve-ultrasound", variant="fp16", precision=pb.PRECISION_INT8, image=GOOD
        ),
        "INVALID_ARGUMENT",
        "PRECISION_INT8 and the variant 'fp16': send one of them",
    ),
    "unknown task": (request(GOOD, name="toe-x-ray"), "NOT_FOUND", "nerve-ultrasound-int8"),
}
