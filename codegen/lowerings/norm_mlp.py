"""A row norm and the feed-forward block behind it, for one vector (norm_mlp.hip)."""

from __future__ import annotations

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import partials
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops.norm_mlp import norm_mlp
from amdc.kernels.norm_mlp import LANES, MIDS, MOST_COLUMNS, MOST_HELD, NORM_MLP

NORM_FLOPS, ACTIVATION_FLOPS = 8, 10  # an element of x, as norm_linear's; an inner value


@lowers(norm_mlp)
def lower_norm_mlp(item: Item, builder: ProgramBuilder) -> None:
    """(x, gain, shift, inner, inner_bias, features, activation, weight, out_features, epsilon, centred); FuseNormMlp makes it of
    sizes that the kernel takes."""
    x, gain, shift, inner, inner_bias, features, activation, weight, outs, epsilon, centred = item.args
    check_operands(item, x, inner, weight)
    rows, k = ir.shape(x)
    held, columns, parts = -(-k // LANES), -(-outs // LANES), -(-features // MIDS)
    if rows != 1 or held > MOST_HELD or columns > MOST_COLUMNS:
        raise InternalError(f"'{item.node.name}' has {rows} rows of {k} for {outs} outputs, which norm_mlp.hip does not take")
    epilogue, affine = item.epilogue(-1), (gain is not None) + (shift is not None)
    sums = partials(item, builder, LANES // 64, parts, columns)
    sizes = (k, features, outs, ir.shape(inner)[1], ir.shape(weight)[1], parts, float(epsilon))
    biases = () if inner_bias is None else (inner_bias,)
    builder.launch(
        NORM_MLP,
        {
            "HELD": held,
            "COLUMNS": columns,
            "CENTRED": int(centred),
            "AFFINE": affine,
            "INNER": f"amdc_{activation}",
            "INNER_BIAS": len(biases),
        },
        item=item,
        grid=(parts, 1, 1),
        arguments=(
            *(x, inner, item.node, weight, x if gain is None else gain, x if shift is None else shift),
            *(*sums, *sizes, *biases, *epilogue.operands),
        ),
        writes=(item.node,),
        inside=sums,
        flops=2 * features * (k + outs) + NORM_FLOPS * k + ACTIVATION_FLOPS * features + epilogue.flops * outs,
        prelude=epilogue.text,
        hint="_".join(filter(None, ("" if centred else "rms", activation, epilogue.hint))),
    )
