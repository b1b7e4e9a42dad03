"""Which kernel computes a matrix product, with which tile, and its launch."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.dtypes import FLOAT32_MATH, TAGS, sum_type
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import Matrix, Product
from amdc.codegen.magic import magic
from amdc.errors import InternalError
from amdc.kernels import gemm, tiles
from amdc.kernels.template import Value

# Rows up to which the GEMV takes a product: its layout 1 reads the rows again for each column of the result.
MOST_ROWS = {0: gemm.GEMV_ROWS[-1], 1: 4}


def launch_product(item: Item, builder: ProgramBuilder, product: Product) -> None:
    """`item` has a prologue, on A, and an epilogue. Few rows share one reading of B; with one column, A and B change places."""
    prologue, epilogue = item.prologue(-1), item.epilogue(-1)
    if not {product.a.place.dtype, product.b.place.dtype} <= set(FLOAT32_MATH):
        if prologue:
            raise InternalError(f"'{item.node.name}' has a prologue on {product.a.place.dtype}; its kernel takes none")
        launch_any(item, builder, product, epilogue)
    elif _takes_rows(product.b, product.m):
        _gemv(item, builder, product, product.b, product.a, prologue, epilogue)
    elif product.n == 1 and not prologue and _takes_rows(product.a, 1):
        _gemv(item, builder, product, product.a, product.b, prologue, epilogue)
    else:
        _gemm(item, builder, product, prologue, epilogue)


def _takes_rows(w: Matrix, rows: int) -> bool:
    """Whether gemv.hip takes a matrix times this many vectors."""
    return (w.column == 1 and rows <= MOST_ROWS[0]) or (w.k == 1 and rows <= MOST_ROWS[1])


def _flops(product: Product, epilogue: FusedExpression) -> int:
    return product.batch * product.m * product.n * (2 * product.k + epilogue.flops + 2 * (product.bias is not None))


def _bias_type(product: Product) -> dict[str, Value]:
    return {"TYPE_BIAS": TAGS[dtype_name(product.bias.node)]} if product.bias else {}


def _gemm(item: Item, builder: ProgramBuilder, product: Product, prologue: FusedExpression, epilogue: FusedExpression) -> None:
    m, n, a, b, c, bias = product.m, product.n, product.a, product.b, product.c, product.bias
    tile = tiles.choose(m, n, product.k, product.batch, builder.target, tiles.TILES + tiles.SMALL_TILES)
    parameters = tile.defines() | {
        "LAYOUT_A": a.layout(),
        "LAYOUT_B": b.layout(),
        "VECTOR_C": int(n % 4 == 0 and c.layout() == gemm.VECTORS),
        "BIAS": int(bias is not None),
        "TYPE_A": TAGS[a.place.dtype],
        "TYPE_B": TAGS[b.place.dtype],
        "TYPE_C": TAGS[c.place.dtype],
        **_bias_type(product),
    }
    batch = (product.inner, *magic(product.inner))
    strides = (a.column, a.k, a.outer, a.inner, b.column, b.k, b.outer, b.inner, c.k, c.outer, c.inner)
    added = (bias.node, bias.row, bias.column, bias.alpha, bias.beta) if bias else ()
    sizes = (m, n, product.k, *batch, *strides, a.nbytes, b.nbytes)
    builder.launch(
        gemm.GEMM,
        parameters,
        item=item,
        grid=(-(-n // tile.n), -(-m // tile.m), product.batch),
        arguments=(a.place, b.place, c.place, *sizes, *added, *prologue.operands, *epilogue.operands),
        writes=(c.place,),
        flops=_flops(product, epilogue),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, (tile.name, epilogue.hint))),
        block=(tile.lanes, 1, 1),
    )


def _gemv(
    item: Item,
    builder: ProgramBuilder,
    product: Product,
    w: Matrix,
    x: Matrix,
    prologue: FusedExpression,
    epilogue: FusedExpression,
) -> None:
    """`w` is the operand that is a matrix, `x` the one that has few rows (B: one column, whose stride by row counts nothing)."""
    c, bias, by_row = product.c, product.bias, w is product.b
    outs, rows = (product.n, product.m) if by_row else (product.m, 1)
    layout = 0 if w.column == 1 else 1
    steps = (c.k, c.column) if by_row else (0, c.k)
    added = (bias.node, bias.row, bias.column if by_row else bias.row, bias.alpha, bias.beta) if bias else ()
    batch = (product.inner, *magic(product.inner))
    strides = (w.k if layout == 0 else w.column, w.outer, w.inner, x.column, x.k, x.outer, x.inner, *steps, c.outer, c.inner)
    sizes = (outs, rows, product.k, *batch, *strides, w.nbytes, x.nbytes, int(by_row))
    types = {"TYPE_W": TAGS[w.place.dtype], "TYPE_X": TAGS[x.place.dtype], "TYPE_Y": TAGS[c.place.dtype]}
    shared = next(count for count in gemm.GEMV_ROWS if count >= rows)
    builder.launch(
        gemm.GEMV,
        {"LAYOUT": layout, "BIAS": int(bias is not None), "X_ROWS": shared, **types, **_bias_type(product)},
        item=item,
        grid=(-(-outs // (64 if layout == 0 else 4)), 1, product.batch),
        arguments=(w.place, x.place, c.place, *sizes, *added, *prologue.operands, *epilogue.operands),
        writes=(c.place,),
        flops=_flops(product, epilogue),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, (f"{shared}rows" if shared > 1 else "", epilogue.hint))),
    )


@dataclass(frozen=True)
class Zeros:
    """The zero points of a quantised product: of A by row, of B by column, each a step of 0 or 1 element, and by batch."""

    a: Node | Place
    b: Node | Place
    a_steps: tuple[int, int, int]  # from row to row, outer batch to outer batch, inner to inner
    b_steps: tuple[int, int, int]


def launch_any(
    item: Item, builder: ProgramBuilder, product: Product, epilogue: FusedExpression, zeros: Zeros | None = None
) -> None:
    """product.hip: a product of any dtypes."""
    m, n, a, b, c, bias = product.m, product.n, product.a, product.b, product.c, product.bias
    assert item.anchor is not None
    parameters = {
        "BIAS": int(bias is not None),
        "ZEROS": int(zeros is not None),
        "SUM": sum_type(dtype_name(item.anchor)),
        "TYPE_A": TAGS[a.place.dtype],
        "TYPE_B": TAGS[b.place.dtype],
        "TYPE_C": TAGS[c.place.dtype],
        **_bias_type(product),
    }
    batch = (product.inner, *magic(product.inner))
    strides = (a.column, a.k, a.outer, a.inner, b.column, b.k, b.outer, b.inner, c.k, c.column, c.outer, c.inner)
    points = (zeros.a, *zeros.a_steps, zeros.b, *zeros.b_steps) if zeros else ()
    added = (bias.node, bias.row, bias.column, bias.alpha, bias.beta) if bias else ()
    builder.launch(
        gemm.PRODUCT,
        parameters,
        item=item,
        grid=(-(-n // 256), m, product.batch),
        arguments=(a.place, b.place, c.place, m, n, product.k, *batch, *strides, *points, *added, *epilogue.operands),
        writes=(c.place,),
        flops=_flops(product, epilogue),
        prelude=epilogue.text,
        hint=epilogue.hint,
    )
