"""Matrix products: mm, bmm, addmm and packed linear, on gemm.hip, or on gemv.hip where one side is a vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.expression import FusedExpression
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops import packed
from amdc.ir.pointwise import aten
from amdc.kernels import gemm, tiles


@dataclass(frozen=True)
class Matrix:
    """An operand: element (column, k) lies at column * `column` + k * `k` elements, batch z at z * `batch`. `extent` counts the
    elements of one matrix, padding included. Columns are the rows m of A and the columns n of B."""

    node: Node
    column: int
    k: int
    batch: int
    extent: int

    def layout(self, builder: ProgramBuilder) -> int:
        """What gemm_panels.h calls its layout: dwordx4 needs everything in multiples of 4."""
        if self.column != 1:
            return gemm.COLUMNS
        aligned = (self.k % 4, self.batch % 4, self.extent % 4, builder.place(self.node).offset % 16) == (0, 0, 0, 0)
        return gemm.VECTORS if aligned else gemm.ROWS


@dataclass(frozen=True)
class Bias:
    """alpha * product + beta * bias[m * row + n * column]."""

    node: Node
    row: int
    column: int
    alpha: float
    beta: float


@dataclass(frozen=True)
class Product:
    """C[z] = A[z] B[z] for z < batch; A is m x k, B is k x n."""

    m: int
    n: int
    k: int
    batch: int
    a: Matrix
    b: Matrix
    bias: Bias | None = None


def rows(node: Node) -> Matrix:
    """A dense [..., m, k] as A."""
    *batch, count, k = ir.shape(node)
    return Matrix(node, k, 1, count * k if math.prod(batch) > 1 else 0, count * k)


def columns(node: Node) -> Matrix:
    """A dense [..., k, n] as B; of packed weights, n counts the padding too."""
    *batch, k, count = ir.shape(node)
    return Matrix(node, 1, count, count * k if math.prod(batch) > 1 else 0, count * k)


def _bias(node: Node, item: Item, alpha: float = 1.0, beta: float = 1.0) -> Bias:
    """A bias that broadcasts to the product's [m, n]."""
    shape = (1,) * (2 - len(ir.shape(node))) + ir.shape(node)
    if len(shape) != 2:
        raise InternalError(f"'{item.node.name}' adds a bias of shape {ir.shape(node)}; a matrix, a row or a number is expected")
    return Bias(node, shape[1] if shape[0] > 1 else 0, int(shape[1] > 1), float(alpha), float(beta))


@lowers(aten.mm.default, aten.bmm.default)
def lower_mm(item: Item, builder: ProgramBuilder) -> None:
    a, b = item.args
    *batch, m, k = ir.shape(a)
    lower_product(item, builder, Product(m, ir.shape(b)[-1], k, math.prod(batch), rows(a), columns(b)), 0)


@lowers(aten.addmm.default)
def lower_addmm(item: Item, builder: ProgramBuilder) -> None:
    bias, a, b = item.args
    m, k = ir.shape(a)
    added = _bias(bias, item, item.kwargs.get("alpha", 1), item.kwargs.get("beta", 1))
    lower_product(item, builder, Product(m, ir.shape(b)[1], k, 1, rows(a), columns(b), added), 1)


@lowers(packed.linear_packed)
def lower_linear_packed(item: Item, builder: ProgramBuilder) -> None:
    x, weight, n = item.args
    m, k = ir.shape(x)
    lower_product(item, builder, Product(m, n, k, 1, rows(x), columns(weight)), 0)


def lower_product(item: Item, builder: ProgramBuilder, product: Product, data: int) -> None:
    """`data` is the anchor's argument that a prologue may work on: A."""
    check_operands(item, product.a.node, product.b.node, product.bias.node if product.bias else None)
    if item.before and item.anchor is not None and item.anchor.args[data] is not item.before[-1]:
        raise InternalError(f"'{item.node.name}' has a prologue that is not on the left operand; fuse none there")
    prologue, epilogue = item.prologue(-1), item.epilogue(-1)
    if product.m == 1:
        _gemv(item, builder, product, product.b, product.a, prologue, epilogue)
    elif product.n == 1 and not prologue and product.b.k == 1:
        _gemv(item, builder, product, product.a, product.b, prologue, epilogue)
    else:
        _gemm(item, builder, product, prologue, epilogue)


def _flops(product: Product, epilogue: FusedExpression) -> int:
    return product.batch * product.m * product.n * (2 * product.k + epilogue.flops + 2 * (product.bias is not None))


def _gemm(item: Item, builder: ProgramBuilder, product: Product, prologue: FusedExpression, epilogue: FusedExpression) -> None:
    m, n, a, b, bias = product.m, product.n, product.a, product.b, product.bias
    tile = tiles.choose(m, n, product.k, product.batch, builder.target, tiles.TILES + tiles.SMALL_TILES)
    parameters = tile.defines() | {
        "LAYOUT_A": a.layout(builder),
        "LAYOUT_B": b.layout(builder),
        "VECTOR_C": int(n % 4 == 0),
        "BIAS": int(bias is not None),
    }
    batch = (product.batch, *magic(product.batch))
    strides = (a.column, a.k, 0, a.batch, b.column, b.k, 0, b.batch, n, 0, m * n, 4 * a.extent, 4 * b.extent)
    added = (bias.node, bias.row, bias.column, bias.alpha, bias.beta) if bias else ()
    builder.launch(
        gemm.GEMM,
        parameters,
        item=item,
        grid=(-(-n // tile.n), -(-m // tile.m), product.batch),
        arguments=(a.node, b.node, item.node, m, n, product.k, *batch, *strides, *added, *prologue.operands, *epilogue.operands),
        writes=(item.node,),
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
    """`w` is the operand that is a matrix, `x` the one that is a vector."""
    outs, bias, is_row = max(product.m, product.n), product.bias, product.m == 1
    layout = 0 if w.column == 1 else 1
    added = (bias.node, bias.row, bias.column if is_row else bias.row, bias.alpha, bias.beta) if bias else ()
    stride = w.k if layout == 0 else w.column
    batch = (product.batch, *magic(product.batch))
    strides = (stride, 0, w.batch, 0, 1, 0, x.batch, 0, 1, 0, outs, 4 * w.extent, 4 * x.extent)
    sizes = (outs, 1, product.k, *batch, *strides, int(is_row))
    builder.launch(
        gemm.GEMV,
        {"LAYOUT": layout, "BIAS": int(bias is not None), "X_ROWS": 1},
        item=item,
        grid=(-(-outs // (64 if layout == 0 else 4)), 1, product.batch),
        arguments=(w.node, x.node, item.node, *sizes, *added, *prologue.operands, *epilogue.operands),
        writes=(item.node,),
        flops=_flops(product, epilogue),
        prelude=prologue.text + epilogue.text,
        hint=epilogue.hint,
    )
