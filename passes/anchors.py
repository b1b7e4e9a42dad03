"""Anchors: the operators whose kernels also compute the point-wise operators around them."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import is_op, shape
from amdc.ir.ops.bottleneck import bottleneck
from amdc.ir.ops.convolution_pooled import convolution_pooled
from amdc.ir.ops.expand_depthwise import expand_depthwise
from amdc.ir.ops.norm_attention import norm_attention
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.norm_mlp import norm_mlp
from amdc.ir.ops.packed import convolution, convolution_packed, linear_packed
from amdc.ir.ops.pool_convolution import pool_convolution
from amdc.ir.pointwise import is_pointwise
from amdc.ir.rows import reads_rows

aten = torch.ops.aten
FLOATS = (torch.float32, torch.float16, torch.bfloat16)  # what the tiled kernels read; they compute all of them in fp32
TILED: dict[Any, str] = {  # and the kind of region that each heads
    aten.convolution.default: "convolution",
    convolution: "convolution",
    convolution_packed: "convolution",
    bottleneck: "convolution",
    convolution_pooled: "convolution",
    expand_depthwise: "convolution",
    pool_convolution: "convolution",
    aten.mm.default: "linear",
    linear_packed: "linear",
    norm_linear: "linear",
    norm_mlp: "linear",
    norm_attention: "linear",
    aten.bmm.default: "matmul",
    aten.avg_pool2d.default: "pool",
}


def comes_from_anchor(node: Node, rows: bool = True) -> bool:
    """Whether an anchor (with `rows`: also one that reads rows) computes a value, or point-wise operators behind one that have
    its shape."""
    todo, seen = [node], set()
    while todo:
        current = todo.pop()
        if is_op(current, *TILED) or (rows and reads_rows(current)):
            return True
        seen.add(current)
        if is_pointwise(current):
            todo += [o for o in current.all_input_nodes if o not in seen and shape(o) == shape(node)]
    return False
