"""The end of a classifier in one launch (pooled_linear.hip)."""

from __future__ import annotations

import math

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.operators import TRANSCENDENTAL
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops.pooled_linear import pooled_linear
from amdc.kernels.pooled_linear import COLUMNS, LANES, POOLED_LINEAR


@lowers(pooled_linear)
def lower_pooled_linear(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, bias, out_features, softmax); FusePooledLinear makes it of sizes that the kernel takes."""
    x, weight, bias, outs, softmax = item.args
    check_operands(item, x, weight or x)
    channels, pixels = ir.shape(x)[1], math.prod(ir.shape(x)[2:])
    tiles, parts = -(-outs // COLUMNS) if weight is not None else 1, -(-channels // LANES)
    counted = parts * (tiles if softmax else 1) if weight is not None else parts * LANES // 64
    ld = ir.shape(weight)[1] if weight is not None else 0
    added = parts if weight is not None else 1
    inside = builder.scratch(f"{item.node.name}.parts", 4 * outs * added), builder.counters(1 if softmax else tiles)
    biases = () if bias is None else (bias,)
    builder.launch(
        POOLED_LINEAR,
        {
            "PIXELS": pixels,
            "PRODUCT": int(weight is not None),
            "BIAS": len(biases),
            "SOFTMAX": int(softmax),
            "HELD": -(-outs // LANES) if softmax else 1,
        },
        item=item,
        grid=(tiles, parts, 1),
        arguments=(x, x if weight is None else weight, item.node, *inside, channels, outs, ld, added, counted, *biases),
        writes=(item.node,),
        inside=inside,
        flops=channels * pixels + (2 * channels * outs if weight is not None else 0) + outs * softmax * TRANSCENDENTAL,
        hint="softmax" if softmax else "",
    )
