"""A row norm with the product behind it, for a few rows: norm_gemv.hip."""

from __future__ import annotations

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops.norm_linear import norm_linear
from amdc.kernels.norm_gemv import LANES, NORM_GEMV

NORM_FLOPS = 8  # an element of x: sum, distance, square, sum, scale, gain, shift, rounding


@lowers(norm_linear)
def lower_norm_linear(item: Item, builder: ProgramBuilder) -> None:
    """(x, gain, shift, weight, out_features, epsilon, centred); FuseNormProduct makes it of sizes that the kernel takes."""
    x, gain, shift, weight, outs, epsilon, centred = item.args
    item.require_floats(x, gain, shift, weight)
    rows, k = ir.shape(x)
    epilogue, y = item.epilogue(-1), builder.place(item.node)
    affine = (gain is not None) + (shift is not None)
    builder.launch(
        NORM_GEMV,
        {
            "X_ROWS": rows,
            "HELD": -(-k // LANES),
            "CENTRED": int(centred),
            "AFFINE": affine,
            "TYPE_X": TAGS[dtype_name(x)],
            "TYPE_W": TAGS[dtype_name(weight)],
            "TYPE_AFFINE": TAGS[dtype_name(gain)] if affine else "float",
            "TYPE_Y": TAGS[y.dtype],
        },
        item=item,
        grid=(-(-outs // 64), 1, 1),
        arguments=[
            *(x, weight, y, x if gain is None else gain, x if shift is None else shift),
            *(rows, k, outs, ir.shape(weight)[1], float(epsilon), *epilogue.operands),
        ],
        writes=[y],
        flops=rows * (outs * (2 * k + epilogue.flops) + NORM_FLOPS * k),
        prelude=epilogue.text,
        hint="_".join(filter(None, ("rms" if not centred else "", epilogue.hint))),
    )
