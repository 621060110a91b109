"""OpenVINO's operations as SAM 2's graphs use them: constants of torch's parameters, layers, norms, heads."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Node = Any
"""An ``openvino.Node``, or one of its outputs."""
Array = NDArray[np.float32]


@cache
def openvino() -> Any:
    """The package, imported without its reporter.

    ``import openvino`` sends an event to a web service wherever ``openvino_telemetry`` is installed, which it asks
    for. Its own stub stands in when that cannot be imported: nobody's notebook reports to anybody.
    """
    reporter = "openvino_telemetry"
    before = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment]  # what makes an import fail
    try:
        found = importlib.import_module("openvino")
    finally:
        del sys.modules[reporter]
        if before is not None:
            sys.modules[reporter] = before
    return found


def ops() -> Any:
    """The operations of opset 13."""
    return openvino().opset13


def array(tensor: Any) -> Array:
    """A torch tensor's values."""
    values: Array = tensor.detach().float().contiguous().cpu().numpy()
    return values


def const(values: Any) -> Node:
    """A constant of float32."""
    return ops().constant(np.asarray(values, dtype=np.float32, order="C"))


def ints(*values: int) -> Node:
    """A constant list of int64: a shape, axes, an order."""
    return ops().constant(np.array(values, dtype=np.int64))


def shaped(x: Node, *shape: int) -> Node:
    """``x`` in another shape: 0 keeps the size at that place, one -1 takes what is left."""
    return ops().reshape(x, ints(*shape), True)


def turned(x: Node, *order: int) -> Node:
    """``x`` with its axes in another order."""
    return ops().transpose(x, ints(*order))


def linear(x: Node, weight: Array, bias: Array | None) -> Node:
    """``x`` (…, i) by a weight (o, i): (…, o)."""
    product = ops().matmul(x, const(weight), False, True)
    return product if bias is None else ops().add(product, const(bias))


def layer(x: Node, module: Any) -> Node:
    """A torch ``Linear``."""
    return linear(x, array(module.weight), array(module.bias))


def norm(x: Node, module: Any) -> Node:
    """A torch ``LayerNorm``, or SAM's ``LayerNorm2d``, over the last axis."""
    flat = ops().mvn(x, ints(-1), True, float(module.eps), "inside_sqrt")
    return ops().add(ops().multiply(flat, const(array(module.weight))), const(array(module.bias)))


def mlp(x: Node, layers: Sequence[Any]) -> Node:
    """Linear layers with ReLU between them."""
    for place, one in enumerate(layers):
        x = layer(ops().relu(x) if place else x, one)
    return x


def heads(x: Node, count: int) -> Node:
    """(n, t, c) as (n, heads, t, c / heads)."""
    return turned(shaped(x, 0, 0, count, int(x.get_output_partial_shape(0)[2].get_length()) // count), 0, 2, 1, 3)


def joined(x: Node, width: int) -> Node:
    """(n, heads, t, d) as (n, t, ``width``)."""
    return shaped(turned(x, 0, 2, 1, 3), 0, 0, width)
