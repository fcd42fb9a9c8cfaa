"""A run goes on only with the models that it was begun with."""

import re

import pytest

from wattscan.bench.models import check_engine, check_same, models_of
from wattscan.contracts import WattscanError

FP32 = {
    "task": "brain-mri", "precision": "fp32", "backend": "openvino", "provider": "CPU",
    "format": "onnx", "sha256": "a" * 64, "engine_version": "2026.4.1", "threads": "1",
    "max_batch_size": "8",
}  # fmt: skip
INT8 = {**FP32, "precision": "int8", "sha256": "b" * 64}


BOTH = ("fp32", "int8")


def check(before, now, task="brain-mri", variants=BOTH):
    check_same(models_of(before), models_of(now), {task: variants}, "the run in runs/x")


def test_the_same_models_pass_in_any_order():
    check([FP32, INT8], [INT8, FP32])


def test_where_nothing_was_measured_any_model_passes():
    check([], [FP32, INT8])


@pytest.mark.parametrize(
    "label, value, told",
    [
        ("sha256", "c" * 64, "its SHA-256 was bbbbbbbbbbbb and is cccccccccccc;"),
        ("backend", "litert", "its engine was openvino and is litert;"),
        ("engine_version", "2027.0", "its version of the engine was 2026.4.1 and is 2027.0;"),
        ("provider", "GPU", "its provider was CPU and is GPU;"),
        ("threads", "4", "its number of threads was 1 and is 4;"),
        ("max_batch_size", "1", "its largest batch was 8 and is 1;"),
    ],
)
def test_a_model_that_was_replaced_is_named(label, value, told):
    with pytest.raises(WattscanError, match=re.escape(told)) as raised:
        check([FP32, INT8], [FP32, {**INT8, label: value}])
    assert "the model of brain-mri, INT8, is not the one that the run in runs/x has measured" in (
        str(raised.value)
    )


def test_a_model_of_another_task_is_no_matter():
    check([FP32, INT8], [FP32, {**INT8, "sha256": "c" * 64}], "chest-xray")


def test_a_variant_that_is_not_measured_is_no_matter():
    check([FP32, INT8], [FP32, {**INT8, "sha256": "c" * 64}], variants=("fp32", "fp16"))


def test_a_model_that_is_served_no_more_is_named():
    with pytest.raises(WattscanError, match="SHA-256 was bbbbbbbbbbbb and is not told"):
        check([FP32, INT8], [FP32])


def test_a_recording_that_told_less_is_compared_by_what_it_told():
    less = [{k: v for k, v in m.items() if k != "engine_version"} for m in (FP32, INT8)]
    check(less, [FP32, INT8])
    with pytest.raises(WattscanError, match="SHA-256 was aaaaaaaaaaaa and is cccccccccccc;"):
        check(less, [{**FP32, "sha256": "c" * 64}, INT8])


def test_a_run_in_one_engine_has_all_of_its_models_in_it():
    served = models_of([FP32, {**INT8, "backend": "litert"}])
    for backend in ("", "auto"):
        check_engine(served, backend, {"brain-mri": BOTH})
    check_engine(served, "openvino", {"chest-xray": BOTH})
    check_engine(served, "openvino", {"brain-mri": ("fp32",)})
    check_engine(models_of([FP32, INT8]), "openvino", {"brain-mri": BOTH})
    with pytest.raises(WattscanError, match="brain-mri, INT8, runs in litert and not in openvino"):
        check_engine(served, "openvino", {"brain-mri": BOTH})
