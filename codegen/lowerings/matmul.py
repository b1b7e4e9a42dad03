"""Matrix products: mm, bmm, addmm and packed linear, on gemm.hip, or on gemv.hip where one side has few rows.

Operands that are views (transposed, sliced, the heads of attention) are read where they lie, and a result that is rearranged
afterwards is written in the order that it will have.
"""

from __future__ import annotations

from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_kernels import launch_product
from amdc.codegen.lowerings.matmul_operands import Bias, check_operands, is_accessible, make_product
from amdc.codegen.lowerings.views import place_result
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops import packed
from amdc.ir.pointwise import aten


def _bias(node: Node, item: Item, alpha: float = 1.0, beta: float = 1.0) -> Bias:
    """A bias that broadcasts to the product's [m, n]."""
    shape = (1,) * (2 - len(ir.shape(node))) + ir.shape(node)
    if len(shape) != 2:
        raise InternalError(f"'{item.node.name}' adds a bias of shape {ir.shape(node)}; a matrix, a row or a number is expected")
    return Bias(node, shape[1] if shape[0] > 1 else 0, int(shape[1] > 1), float(alpha), float(beta))


@lowers(aten.mm.default, aten.bmm.default)
def lower_mm(item: Item, builder: ProgramBuilder) -> None:
    a, b = item.args
    lower_product(item, builder, a, b, ir.shape(b)[-1], 0)


@lowers(aten.addmm.default)
def lower_addmm(item: Item, builder: ProgramBuilder) -> None:
    bias, a, b = item.args
    added = _bias(bias, item, item.kwargs.get("alpha", 1), item.kwargs.get("beta", 1))
    lower_product(item, builder, a, b, ir.shape(b)[1], 1, added)


@lowers(packed.linear_packed)
def lower_linear_packed(item: Item, builder: ProgramBuilder) -> None:
    x, weight, n = item.args
    lower_product(item, builder, x, weight, n, 0)


def lower_product(item: Item, builder: ProgramBuilder, a: Node, b: Node, n: int, data: int, bias: Bias | None = None) -> None:
    """`data` is the anchor's argument that a prologue may work on: A. Packed weights have more columns than the result's `n`."""
    check_operands(item, a, b, bias.node if bias else None)
    if item.before and item.anchor is not None and item.anchor.args[data] is not item.before[-1]:
        raise InternalError(f"'{item.node.name}' has a prologue that is not on the left operand; fuse none there")
    result = place_result(item, builder, is_accessible)
    launch_product(item, builder, make_product(builder, a, b, result, n, bias))
