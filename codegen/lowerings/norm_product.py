"""A row norm with the product behind it: norm_gemv.hip for a few rows, gemm.hip for many, which also leaves the rows' moments for
later uses of the norm."""

from __future__ import annotations

from dataclasses import replace

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_kernels import launch_product
from amdc.codegen.lowerings.matmul_operands import Matrix, check_operands, is_accessible, make_product
from amdc.codegen.lowerings.matmul_task import RowNorm
from amdc.codegen.lowerings.normed import moments_writer
from amdc.codegen.lowerings.row_norms import Norm, normalize
from amdc.codegen.lowerings.views import place_result
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.row_moments import row_moments
from amdc.kernels import gemm
from amdc.kernels.norm_gemv import LANES, MOST_ROWS, NORM_GEMV

NORM_FLOPS = 8  # an element of x: sum, distance, square, sum, scale, gain, shift, rounding


@lowers(norm_linear)
def lower_norm_linear(item: Item, builder: ProgramBuilder) -> None:
    """(x, gain, shift, weight, out_features, epsilon, centred); FuseNormProduct makes it of sizes that the kernels take."""
    item.require_floats(*item.args[:4])
    if ir.shape(item.args[0])[0] <= MOST_ROWS:
        _few_rows(item, builder)
    else:
        _many_rows(item, builder)


def _few_rows(item: Item, builder: ProgramBuilder) -> None:
    x, gain, shift, weight, outs, epsilon, centred = item.args
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


def _many_rows(item: Item, builder: ProgramBuilder) -> None:
    """The norm within the product, where x is laid out for that; else in a launch of its own."""
    x, gain, shift, weight, outs, epsilon, centred = item.args
    check_operands(item, x, weight)
    wanted = _moments_of(item, builder)
    result = place_result(item, builder, is_accessible)
    product = make_product(builder, x, weight, result, outs, None)
    if product.a.layout(product.k) == gemm.DEEP:
        norm = RowNorm(gain, shift, float(epsilon), bool(centred), wanted, builder.row_parts.get(x))
        launch_product(item, builder, product, norm)
        return
    apart = builder.activation(f"{item.node.name}.norm", dtype_name(x), ir.shape(x))
    bare = Item(item.graph, item.node, item.anchor, item.args, {}, {})
    rows = Norm(gain, shift, float(epsilon), ir.shape(x)[0], centred=bool(centred))
    normalize(bare, builder, rows, apart, list(wanted))
    dense = Matrix(apart, product.k, 1, 0, 0, apart.numel)
    launch_product(item, builder, replace(product, a=dense))


@lowers(row_moments)
def lower_row_moments(item: Item, builder: ProgramBuilder) -> None:
    """(x, epsilon) -> mean, scale. No launch where a product of the norm leaves them."""
    x, epsilon = item.args
    if moments_writer(item.graph, item.node) is None:
        apart = builder.activation(f"{item.node.name}.norm", dtype_name(x), ir.shape(x))
        saved = [builder.place(item.node, index) for index in (0, 1)]
        normalize(item, builder, Norm(None, None, float(epsilon), ir.shape(x)[0]), apart, saved)


def _moments_of(item: Item, builder: ProgramBuilder) -> tuple[Place, ...]:
    """Where the product is to leave mean and scale of its rows; empty where nothing needs them from it."""
    for user in item.args[0].users:
        if ir.is_op(user, row_moments) and user.users and moments_writer(item.graph, user) is item.node:
            return builder.place(user, 0), builder.place(user, 1)
    return ()
