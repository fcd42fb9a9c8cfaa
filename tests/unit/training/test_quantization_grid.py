"""The 8-bit grids and the frozen graph (needs the train extra)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.contracts import Tensor

torch = pytest.importorskip("torch", reason="quantization-aware training needs the train extra")

from wattscan.training import graph, networks  # noqa: E402
from wattscan.training.fit import predict  # noqa: E402
from wattscan.training.grid import ActivationQuantizer, affine_grid  # noqa: E402

bound = st.floats(-1e4, 1e4)


@given(bound, bound)
def test_the_grid_covers_its_range_and_holds_zero_exactly(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    scale, zero = affine_grid(low, high)
    assert 0 <= zero <= 255
    assert -zero * scale <= min(low, 0) + scale
    assert (255 - zero) * scale >= max(high, 0) - scale


@given(st.floats(1e-3, 1e4))
def test_after_a_relu_the_zero_point_is_the_lower_end(high: float) -> None:
    assert affine_grid(0.0, high)[1] == 0


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-1.7, 4.2), (-3.0, 0.0)])
def test_both_integer_types_hold_the_same_numbers(low: float, high: float) -> None:
    quantizer = ActivationQuantizer()
    quantizer.low.fill_(low)
    quantizer.high.fill_(high)
    quantizer.freeze()
    values = torch.linspace(low - 1, high + 1, 4001)
    results = {}
    for mode in ("uint8", "int8"):
        quantizer.mode = mode
        results[mode] = quantizer(values)
    assert torch.equal(results["uint8"], results["int8"])
    inside = (values >= low) & (values <= high)
    error = (results["uint8"] - values)[inside].abs().max()
    assert float(error) <= affine_grid(low, high)[0] * 1.01  # zero itself may shift by half a step
    assert len(results["uint8"].unique()) == 256


def test_the_grid_follows_the_data_until_it_is_held() -> None:
    quantizer = ActivationQuantizer().train()
    quantizer(torch.tensor([-1.0, 3.0]))
    assert (float(quantizer.low), float(quantizer.high)) == (-1.0, 3.0)
    quantizer.observing = False
    quantizer(torch.tensor([-9.0, 9.0]))
    assert float(quantizer.high) == 3.0


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    made = networks.build("unet", (16, 24, 1), {"width": 4, "depth": 3})
    made.train()
    for _ in range(3):  # statistics for the batch normalisations
        made(torch.randn(8, 1, 16, 24))
    return made


@pytest.fixture
def images() -> Tensor:
    return np.random.default_rng(0).normal(size=(4, 16, 24, 1)).astype(np.float32)


def test_folding_keeps_the_output_and_leaves_no_normalisation(network: Any, images: Tensor) -> None:
    folded = graph.folded(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    np.testing.assert_allclose(predict(folded, images), predict(network, images), atol=1e-4)


def test_a_concat_shares_one_grid_with_its_inputs(network: Any) -> None:
    prepared = graph.prepared(graph.folded(network))
    for node in prepared.graph.nodes:
        if node.target is torch.cat:
            grids = {part.target for part in [*node.args[0], *node.users]}
            assert len(grids) == 1, grids


def test_the_frozen_graph_is_near_and_the_same_in_both_modes(network: Any, images: Tensor) -> None:
    folded = graph.folded(network)
    prepared = graph.prepared(folded).train()
    prepared(torch.from_numpy(images).permute(0, 3, 1, 2))
    frozen = graph.freeze(prepared)
    as_uint8 = predict(frozen, images)
    as_int8 = predict(graph.set_mode(frozen, "int8"), images)
    np.testing.assert_array_equal(as_uint8, as_int8)
    exact = predict(folded, images)
    assert np.abs(as_uint8 - exact).mean() < 0.05 * exact.std()
    assert np.abs(as_uint8 - exact).max() > 0  # it is quantized at all


def test_a_unet_of_odd_sides_is_refused() -> None:
    with pytest.raises(Exception, match="divisible by 8"):
        networks.build("unet", (80, 100, 1), {"width": 4, "depth": 4})
