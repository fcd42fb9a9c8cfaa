"""The 8-bit grids and the frozen graph (needs the train extra)."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan.contracts import Tensor, WattscanError

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="quantization-aware training needs the train extra")

from wattscan.training import graph, networks  # noqa: E402
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


SMALL: dict[str, tuple[tuple[int, int, int], int, dict[str, Any]]] = {
    "unet": ((16, 24, 1), 1, {"width": 4, "depth": 3}),
    "resunet": ((16, 24, 3), 1, {"width": 4, "depth": 3}),
    "resnet": ((32, 32, 3), 5, {"block": "bottleneck", "width": 4, "blocks": [1, 2]}),
    "densenet": ((32, 32, 3), 5, {"growth": 4, "blocks": [2, 2]}),
}
"""Every network, as small as it can be: input shape, outputs, settings."""


def run(network: Any, images: Tensor) -> Tensor:
    network.eval()
    with torch.no_grad():
        result: Tensor = network(torch.from_numpy(images)).numpy()
    return result


@pytest.fixture(params=SMALL)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def network(name: str) -> Any:
    shape, outputs, settings = SMALL[name]
    torch.manual_seed(0)
    made = networks.build(name, shape, outputs, settings)
    made.train()
    for _ in range(30):  # statistics for the batch normalisations
        made(torch.randn(8, shape[2], *shape[:2]))
    return made


@pytest.fixture
def images(name: str) -> Tensor:
    height, width, channels = SMALL[name][0]
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, channels, height, width)).astype(np.float32)


def test_a_shared_grid_covers_all_its_members_from_the_first_image() -> None:
    quantizer = ActivationQuantizer(2).train()
    quantizer(torch.tensor([0.0, 1.0]), 0)
    quantizer(torch.tensor([-2.0, 8.0]), 1)
    scale, zero = quantizer.grid()
    assert scale == pytest.approx(10 / 255)
    assert zero == 51
    quantizer(torch.tensor([0.0, 1.0]), 0)  # a small member does not shrink the others' range
    assert quantizer.grid() == (scale, zero)


def test_every_network_is_tried_here() -> None:
    import pkgutil

    found = {module.name for module in pkgutil.iter_modules(networks.__path__)} - {"blocks"}
    assert found == set(SMALL)


def test_folding_keeps_the_output_and_leaves_no_normalisation(network: Any, images: Tensor) -> None:
    folded = graph.folded(network)
    left = (torch.nn.BatchNorm2d, torch.nn.Identity)
    assert not any(isinstance(m, left) for m in folded.modules())
    np.testing.assert_allclose(run(folded, images), run(network, images), atol=1e-4)


def test_tensors_that_engines_do_not_rescale_share_one_grid(network: Any) -> None:
    prepared = graph.prepared(graph.folded(network))
    modules = dict(prepared.named_modules())
    for node in prepared.graph.nodes:
        module = modules.get(node.target) if node.op == "call_module" else None
        if node.target is torch.cat:
            grids = {part.target for part in [*node.args[0], *node.users]}
            assert len(grids) == 1, grids
        elif isinstance(module, torch.nn.MaxPool2d | torch.nn.AvgPool2d | torch.nn.Upsample):
            assert {node.args[0].target} == {user.target for user in node.users}


def test_nothing_stands_between_a_layer_and_its_relu(network: Any) -> None:
    prepared = graph.prepared(graph.folded(network))
    modules = dict(prepared.named_modules())
    relus = [
        n for n in prepared.graph.nodes if isinstance(modules.get(str(n.target)), torch.nn.ReLU)
    ]
    assert relus
    for relu in relus:
        assert not isinstance(modules.get(str(relu.args[0].target)), ActivationQuantizer)


def test_the_frozen_graph_is_near_and_the_same_in_both_modes(network: Any, images: Tensor) -> None:
    folded = graph.folded(network)
    prepared = graph.prepared(folded).train()
    prepared(torch.from_numpy(images))
    frozen = graph.freeze(prepared)
    as_uint8 = run(frozen, images)
    as_int8 = run(graph.set_mode(frozen, "int8"), images)
    np.testing.assert_array_equal(as_uint8, as_int8)
    # Untrained networks are noisy; an error in a scale or a zero point shows all the same.
    exact = run(folded, images)
    assert np.corrcoef(as_uint8.ravel(), exact.ravel())[0, 1] > 0.9
    assert np.abs(as_uint8 - exact).max() > 0  # it is quantized at all


def test_no_quantizer_is_left_without_a_range(network: Any, images: Tensor) -> None:
    prepared = graph.prepared(graph.folded(network)).train()
    prepared(torch.from_numpy(images))
    for module in prepared.modules():
        if isinstance(module, ActivationQuantizer):
            assert (module.high > module.low).all()


def test_normalisation_after_a_concatenation_becomes_a_depthwise_convolution() -> None:
    shape, outputs, settings = SMALL["densenet"]
    folded = graph.folded(networks.build("densenet", shape, outputs, settings))
    depthwise = [
        m
        for m in folded.modules()
        if isinstance(m, torch.nn.Conv2d) and m.groups == m.in_channels > 1
    ]
    # One in each layer, and one at the end of each block.
    assert len(depthwise) == sum(settings["blocks"]) + len(settings["blocks"])


@pytest.mark.parametrize(
    ("name", "shape", "outputs", "match"),
    [
        ("unet", (80, 100, 1), 1, "divisible by 8"),
        ("resunet", (250, 256, 3), 1, "divisible by 8"),
        ("unet", (80, 112, 1), 14, "gives one mask"),
        ("nonsense", (80, 112, 1), 1, "no network called 'nonsense'"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, shape: tuple[int, int, int], outputs: int, match: str
) -> None:
    with pytest.raises(WattscanError, match=match):
        networks.build(name, shape, outputs, {"width": 4, "depth": 4})


@pytest.mark.parametrize("module", ["resnet", "densenet"])
def test_a_classifier_wants_an_image_that_can_be_halved(module: str) -> None:
    with pytest.raises(WattscanError, match="32 pixels"):
        networks.build(module, (16, 224, 3), 14, SMALL[module][2])


@pytest.mark.parametrize(
    ("block", "width", "blocks", "millions"),
    [
        ("bottleneck", 64, [3, 4, 6, 3], 23.5),
        ("basic", 64, [2, 2, 2, 2], 11.2),
        ("basic", 48, [2, 2, 2, 2], 6.3),
    ],
)
def test_a_resnet_has_the_parameters_of_its_paper(
    block: str, width: int, blocks: list[int], millions: float
) -> None:
    settings = {"block": block, "width": width, "blocks": blocks}
    made = networks.build("resnet", (224, 224, 3), 14, settings)
    assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_a_resnet_of_unknown_blocks_is_refused() -> None:
    with pytest.raises(WattscanError, match="basic or bottleneck blocks, not 'dense'"):
        networks.build("resnet", (224, 224, 3), 14, {"block": "dense", "width": 4, "blocks": [1]})


def test_densenet_121_has_the_parameters_of_its_paper() -> None:
    made = networks.build("densenet", (224, 224, 3), 14, {"growth": 32, "blocks": [6, 12, 24, 16]})
    assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(7.0, abs=0.1)
