"""What a model's file says, an engine does, or leaves to another: names, types, arithmetic."""

from pathlib import Path

import numpy as np
import pytest

from wattscan import plugins
from wattscan.contracts import EngineUnfit

GRAPHS = Path(__file__).parents[1] / "data/graphs"
RUNTIMES = ("openvino", "onnxruntime")
# Graph -> what goes in, and by hand what comes out.
COMPUTED = {
    "int64_inside": (
        [50000.0, 1e6, -7.0, 3.0],
        [50000 * 2.0**20, 1e6 * 2.0**20, -7 * 2.0**20, 3 * 2.0**20],
    ),
    "int64_of_reals": ([3e9, -3e9, 1e12, 7.0], [3e9, -3e9, 1e12, 7.0]),
    "double_inside": ([0.5, 1.5, 3.25, -0.75], [0.5, 1.5, 3.25, -0.75]),
    "sum_of_bytes": ([200, 100, 255, 1], [144, 200, 254, 2]),
    "sum_of_signed_bytes": ([100, -100, 127, 1], [-56, 56, -2, 2]),
    "int64_of_shapes": ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]),
}


def opened(graph, runtime):
    return plugins.backend(runtime).open_engine(GRAPHS / f"{graph}.onnx", {"threads": 1})


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    "graph", ["cast_before", "cast_after", "identity_before", "identity_after", "dropout_before"]
)
def test_names_are_the_file_s_whatever_is_optimized_away(graph, runtime):
    engine = opened(graph, runtime)
    assert [spec.name for spec in engine.inputs] == ["pixel_values"]
    assert [spec.name for spec in engine.outputs] == ["logits"]
    np.testing.assert_allclose(engine.run([np.zeros((1, 4), np.float32)])[0], 0.5)


@pytest.mark.parametrize("graph", COMPUTED)
def test_arithmetic_is_the_file_s(graph):
    """OpenVINO computes as the file says, or says that it does not; ONNX Runtime always does."""
    given, wanted = COMPUTED[graph]
    for runtime in RUNTIMES:
        try:
            engine = opened(graph, runtime)
        except EngineUnfit as error:
            assert runtime == "openvino"
            assert "otherwise than ONNX defines" in str(error)
            continue
        values = np.array([given], engine.inputs[0].dtype)
        np.testing.assert_array_equal(engine.run([values])[0], np.array([wanted], values.dtype))


def test_sizes_are_no_reason_to_leave_a_model_to_another_engine():
    assert opened("int64_of_shapes", "openvino").provider == "OpenVINO-CPU"


@pytest.mark.parametrize("graph", ["relu", "clip"])
def test_an_engine_tells_whether_a_nan_stays_one(graph):
    given = np.array([[np.nan, 1.0, 0.5, -0.0]], np.float32)
    for runtime in RUNTIMES:
        engine = opened(graph, runtime)
        lost = not np.isnan(engine.run([given])[0][0, 0])
        assert lost == (not getattr(engine, "keeps_nan", True))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_scalars_go_in_and_out(runtime):
    ones = np.ones((2, 4), np.float32)
    # As a request brings it: a view of bytes that nobody may write to.
    three = np.frombuffer(np.float32(3).tobytes(), np.float32).reshape(())
    engine = opened("scalar_in", runtime)
    assert engine.inputs[1].shape == ()
    np.testing.assert_array_equal(engine.run([ones, three])[0], 3 * ones)
    (total,) = opened("scalar_out", runtime).run([ones])
    assert (total.shape, float(total)) == ((), 8.0)
