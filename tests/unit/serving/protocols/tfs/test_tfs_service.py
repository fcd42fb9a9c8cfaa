"""What no client can bring about from outside: a version that changes within a call, any bytes."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan import plugins
from wattscan.contracts import Finding, InvalidImage, Limits, TensorSpec
from wattscan.serving.call import Call
from wattscan.serving.errors import NotServed, RequestRefused
from wattscan.serving.jobs import TensorJob
from wattscan.serving.protocols.tfs.service import TensorFlowService
from wattscan.serving.repository.repository import IndexEntry
from wattscan.wire import tensorflow_serving_pb2 as pb

FLOAT32 = np.dtype(np.float32)


class Model(SimpleNamespace):
    def __hash__(self):  # type: ignore[override]  # by identity, as a loaded model is
        return id(self)


def model(version):
    return Model(
        name="chest",
        version=version,
        inputs=(TensorSpec("image", FLOAT32, (-1, 1, 2, 3)),),
        outputs=(TensorSpec("findings", FLOAT32, (-1, 14)),),
        clinical=SimpleNamespace(task=plugins.task("chest-xray")),
    )


class Models:
    """Version 1 of one model; its changed files, a version 2 and its TOML are refused."""

    def get(self, name, version=None):
        if name != "chest" or version not in (None, 1):
            raise NotServed("no such model")
        return model(1)

    def by_label(self, name, label):
        raise NotServed("no such label")

    def index(self):
        return [
            IndexEntry("chest", 0, False, "its TOML"),
            IndexEntry("chest", 1, False, "its changed files"),
            IndexEntry("chest", 1, True),
            IndexEntry("chest", 2, False, "broken"),
            IndexEntry("gone", 0, False, "unloaded"),
        ]


class Pipeline:
    """Answers image jobs with the version as the probability, from `versions` in turn."""

    def __init__(self, *versions):
        self.models = Models()
        self.versions = list(versions)
        self.served = {version: model(version) for version in versions}

    def admitted(self, _call):
        return contextlib.nullcontext()

    def answer(self, name, version, job, call):
        call.model = self.served[self.versions.pop(0)]
        probability = call.model.version / 8
        return tuple(Finding(each, probability) for each in call.model.clinical.task.findings)


def methods(pipeline):
    services = TensorFlowService(pipeline, Limits()).services()
    return {name: method for service in services for name, method in service.methods.items()}


def test_all_images_of_a_call_are_answered_by_one_version():
    request = pb.ClassificationRequest(model_spec={"name": "chest"})
    for _ in range(3):
        example = request.input.example_list.examples.add()
        example.features.feature["image/encoded"].bytes_list.value.append(b"a file")
    pipeline = Pipeline(1, 2, 2, 2, 2, 2)
    data = methods(pipeline)["Classify"].answer(request.SerializeToString(), Call("tfs"))
    response = pb.ClassificationResponse.FromString(data)
    assert response.model_spec.version.value == 2
    rows = response.result.classifications
    assert [row.classes[0].score for row in rows] == [0.25, 0.25, 0.25]
    assert not pipeline.versions


def status(**spec):
    request = pb.GetModelStatusRequest(model_spec=spec).SerializeToString()
    data = methods(Pipeline())["GetModelStatus"].answer(request, Call("tfs"))
    states = pb.GetModelStatusResponse.FromString(data).model_version_status
    return [(one.version, one.state, one.status.error_message) for one in states]


def test_a_version_that_goes_on_is_available_whatever_its_new_files_are():
    ended, available = pb.ModelVersionStatus.END, pb.ModelVersionStatus.AVAILABLE
    assert status(name="chest") == [(2, ended, "broken"), (1, available, "")]
    assert status(name="chest", version={"value": 2}) == [(2, ended, "broken")]
    for wrong in ({"name": "gone"}, {"name": "other"}, {"name": "chest", "version": {"value": 0}}):
        with pytest.raises(NotServed):
            status(**wrong)


def test_what_infers_is_counted_and_nothing_needs_an_administrator():
    every = methods(Pipeline())
    assert {name for name, method in every.items() if method.infers} == {"Predict", "Classify"}
    assert {method.role for method in every.values()} == {"infer"}


SPEC = pb.PredictRequest(model_spec={"name": "chest"}).SerializeToString()


@pytest.mark.parametrize("name", ["Predict", "Classify", "GetModelMetadata", "GetModelStatus"])
@given(data=st.binary(max_size=80), named=st.booleans())
def test_any_bytes_are_answered_or_refused(name, data, named):
    class Reading(Pipeline):
        def answer(self, name, version, job, call):
            job.read(model(1)) if isinstance(job, TensorJob) else job.read()
            raise InvalidImage("read, and that is enough here")

    with contextlib.suppress(RequestRefused, InvalidImage):
        methods(Reading())[name].answer(SPEC + data if named else data, Call("tfs"))
