"""From a trained network to a graph with one quantizer per group of tensors.

Batch normalisation is folded into its convolution first: quantized apart, it leaves float tensors
between the integer ones, and an accelerator takes only a fragment of the graph (as happened to the
paper's brain model on the Edge TPU).
"""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wattscan.training.grid import ActivationQuantizer, Mode, QuantizedConvolution

_SAME_GRID = (nn.MaxPool2d, nn.AvgPool2d, nn.Upsample, nn.Flatten)
"""Modules whose output lies on their input's grid."""


def folded(network: Any) -> Any:
    """A traced copy, in evaluation mode, its batch normalisations folded: the FP32 to export."""
    network = copy.deepcopy(network).eval()
    graph = fx.symbolic_trace(network)
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        module = _module(node, modules)
        if isinstance(module, nn.Identity):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
        if not isinstance(module, nn.BatchNorm2d):
            continue
        before = node.args[0]
        if isinstance(_module(before, modules), nn.Conv2d) and len(before.users) == 1:
            graph.add_submodule(before.target, fuse_conv_bn_eval(modules[before.target], module))
            node.replace_all_uses_with(before)
            graph.graph.erase_node(node)
        else:
            graph.add_submodule(node.target, _as_convolution(module))
    for module in graph.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


def _as_convolution(normalisation: Any) -> Any:
    """The same scale and shift of each channel, as a 1 x 1 depthwise convolution."""
    channels = normalisation.num_features
    identity = nn.Conv2d(channels, channels, 1, groups=channels, bias=False).eval()
    nn.init.ones_(identity.weight)
    return fuse_conv_bn_eval(identity, normalisation)


def prepared(folded_graph: Any) -> Any:
    """A copy with quantizers, to be trained on. Takes what `folded` gives."""
    graph = copy.deepcopy(folded_graph)
    modules = dict(graph.named_modules())
    nodes = [node for node in graph.graph.nodes if _needs_grid(node, modules)]
    groups = _groups(nodes, modules)
    members = {head: [n for n in nodes if groups[n] is head] for head in groups.values()}
    quantizers: dict[Any, tuple[str, ActivationQuantizer]] = {}
    for head, mine in members.items():
        name = f"grid_{len(quantizers)}"
        quantizers[head] = (name, ActivationQuantizer(len(mine)))
        graph.add_submodule(name, quantizers[head][1])
    for node in graph.graph.nodes:
        module = _module(node, modules)
        if isinstance(module, nn.Conv2d):
            quantizer = quantizers[groups[node.args[0]]][1]
            graph.add_submodule(node.target, QuantizedConvolution(module, quantizer))
    for node in nodes:
        head = groups[node]
        _insert(graph, node, quantizers[head][0], members[head].index(node))
    graph.graph.lint()
    graph.recompile()
    return graph


def freeze(graph: Any) -> Any:
    """Fix the grids and the integers, in place: what is exported, and what is scored."""
    graph.eval()
    for module in graph.modules():
        if isinstance(module, ActivationQuantizer | QuantizedConvolution):
            module.freeze()
    return set_mode(graph, "uint8")


def set_mode(graph: Any, mode: Mode) -> Any:
    """Switch every quantizer of a graph, in place."""
    for module in graph.modules():
        if isinstance(module, ActivationQuantizer | QuantizedConvolution):
            module.mode = mode
    return graph


def stop_observing(graph: Any) -> None:
    """Hold the activations' grids still from now on."""
    for module in graph.modules():
        if isinstance(module, ActivationQuantizer):
            module.observing = False


def _module(node: Any, modules: dict[str, Any]) -> Any:
    return modules.get(node.target) if node.op == "call_module" else None


def _needs_grid(node: Any, modules: dict[str, Any]) -> bool:
    """All tensors but a convolution's or a sum's that a ReLU follows: engines fuse the two."""
    if node.op == "output":
        return False
    users = list(node.users)
    before_relu = len(users) == 1 and isinstance(_module(users[0], modules), nn.ReLU)
    fused = isinstance(_module(node, modules), nn.Conv2d) or node.target is operator.add
    return not (fused and before_relu)


def _groups(nodes: list[Any], modules: dict[str, Any]) -> dict[Any, Any]:
    """Which tensors share a grid: integer engines pool, resize and concatenate without rescaling.

    Returns:
        For each node the first node of its group.
    """
    group = {node: node for node in nodes}

    def join(one: Any, other: Any) -> None:
        old, new = group[one], group[other]
        for node, head in group.items():
            if head is old:
                group[node] = new

    for node in nodes:
        if isinstance(_module(node, modules), _SAME_GRID):
            join(node, node.args[0])
        elif node.target is torch.cat:
            for part in node.args[0]:
                join(part, node)
    return group


def _insert(graph: Any, node: Any, quantizer: str, member: int) -> None:
    with graph.graph.inserting_after(node):
        rounded = graph.graph.call_module(quantizer, (node, member))
    node.replace_all_uses_with(rounded, delete_user_cb=lambda user: user is not rounded)
