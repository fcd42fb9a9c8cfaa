"""Changes to a converted TFLite file that leave its numbers alone and let more engines take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wattscan import plugins
from wattscan.contracts import WattscanError

_OLD_VERSION = 2
_HALF_PIXEL_CENTERS, _VERSION = 1, 2
"""Numbers of the fields in their tables (TFLite's schema.fbs)."""


def plain_resizes(path: Path) -> None:
    """Nearest-neighbour resizes as version 2 of the operator, where the converter wrote version 3.

    Version 3 added half_pixel_centers, which the Edge TPU's compiler refuses ("Operation version
    not supported", google-coral/edgetpu issues 187 and 420). With a whole factor k both take the
    same pixels: floor((i + 0.5) / k) = floor(i / k).

    Raises:
        WattscanError: a resize by another than a whole factor, or with aligned corners.
    """
    schema = plugins.sdk("ai_edge_litert.schema_py_generated", "litert")
    content = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    code = schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR
    kinds = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    graph = model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        kind = kinds[operator.OpcodeIndex()]
        if kind.BuiltinCode() != code or kind.Version() <= _OLD_VERSION:
            continue
        options = schema.ResizeNearestNeighborOptions()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        if options.AlignCorners() or not _whole_factor(graph, operator):
            raise WattscanError(f"{path} resizes by another than a whole factor")
        if options.HalfPixelCenters():
            content[_position(options, _HALF_PIXEL_CENTERS)] = 0
    for kind in kinds:
        if kind.BuiltinCode() == code and kind.Version() > _OLD_VERSION:
            place = _position(kind, _VERSION)
            content[place : place + 4] = np.array(_OLD_VERSION, "<i4").tobytes()
    path.write_bytes(content)


def _position(table: Any, field: int) -> int:
    """Where a stored field's bytes are: a flatbuffer's table has one offset of 2 bytes a field,
    after two of its own."""
    flat = table._tab  # the generated class has no setters
    return int(flat.Pos + flat.Offset(4 + 2 * field))


def _whole_factor(graph: Any, operator: Any) -> bool:
    before = graph.Tensors(operator.Inputs(0)).ShapeAsNumpy()[1:3]
    after = graph.Tensors(operator.Outputs(0)).ShapeAsNumpy()[1:3]
    return bool((after % before == 0).all())
