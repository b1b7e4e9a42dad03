"""The attention block of one token (norm_attention.hip)."""

from __future__ import annotations

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import partials
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops.norm_attention import norm_attention
from amdc.kernels.norm_attention import LANES, MOST_COLUMNS, MOST_HELD, NORM_ATTENTION, SCORES, WIDTH

NORM_FLOPS, SCORE_FLOPS = 8, 6  # an element of x, as norm_linear's; a score's share of the softmax


@lowers(norm_attention)
def lower_norm_attention(item: Item, builder: ProgramBuilder) -> None:
    """(x, gain, shift, inner, inner_bias, keys, values, weight, out_features, epsilon, centred, scale); FuseNormAttention makes
    it of sizes that the kernel takes."""
    x, gain, shift, inner, inner_bias, keys, values, weight, outs, epsilon, centred, scale = item.args
    check_operands(item, x, inner, weight)
    (rows, k), (_, heads, past, width) = ir.shape(x), ir.shape(keys)
    held, columns = -(-k // LANES), -(-outs // LANES)
    room = next((scores for scores in SCORES if scores > past), None)
    if rows != 1 or width != WIDTH or held > MOST_HELD or columns > MOST_COLUMNS or room is None:
        sizes = f"{rows} rows of {k}, heads of {width}, {past} keys and {outs} outputs"
        raise InternalError(f"'{item.node.name}' has {sizes}, which norm_attention.hip does not take")
    epilogue, affine = item.epilogue(-1), (gain is not None) + (shift is not None)
    sums = partials(item, builder, LANES // 64, heads, columns)
    numbers = (k, heads, past, outs, ir.shape(inner)[1], ir.shape(weight)[1], float(epsilon), float(scale))
    biases = () if inner_bias is None else (inner_bias,)
    builder.launch(
        NORM_ATTENTION,
        {
            "HELD": held,
            "COLUMNS": columns,
            "CENTRED": int(centred),
            "AFFINE": affine,
            "SCORES": room,
            "INNER_BIAS": len(biases),
        },
        item=item,
        grid=(heads, 1, 1),
        arguments=(
            *(x, inner, item.node, weight, x if gain is None else gain, x if shift is None else shift),
            *(keys, values, *sums, *numbers, *biases, *epilogue.operands),
        ),
        writes=(item.node,),
        inside=sums,
        flops=2 * heads * WIDTH * (3 * k + 2 * past + 2 + outs)
        + NORM_FLOPS * k
        + SCORE_FLOPS * heads * past
        + epilogue.flops * outs,
        prelude=epilogue.text,
        hint="_".join(filter(None, ("" if centred else "rms", epilogue.hint))),
    )
