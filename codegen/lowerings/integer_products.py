"""Products of quantised tensors: amdc::matmul_integer and amdc::convolution_integer, on the kernels that take every dtype."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import Shape, broadcast_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution import make_window
from amdc.codegen.lowerings.convolution_kernels import direct
from amdc.codegen.lowerings.convolution_window import Operands
from amdc.codegen.lowerings.matmul_kernels import Zeros, launch_any
from amdc.codegen.lowerings.matmul_operands import Matrix, Product, check_operands
from amdc.codegen.lowerings.matmul_task import Task
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir


def _zero(builder: ProgramBuilder, given: Node | None, dtype: str) -> Node | Place:
    """The zero points, or a constant 0 of the operand's dtype."""
    return given if given is not None else builder.constant(f"zero.{dtype}", np.zeros(1, dtype))


def _dense(item: Item, builder: ProgramBuilder, x: Node, batch: Shape) -> tuple[Place, int]:
    """x with its batch broadcast, and the elements from one matrix to the next: 0 where all batches share the one."""
    shape, place = ir.shape(x), builder.place(x)
    size = math.prod(shape[-2:])
    if math.prod(shape[:-2]) == 1:
        return place, 0
    if (*(1,) * (len(batch) + 2 - len(shape)), *shape[:-2]) == batch:
        return place, size
    whole = (*batch, *shape[-2:])
    copy = builder.activation(f"{item.node.name}.batches", place.dtype, whole)
    launch_copy(builder, item, whole, Source(place, place.dtype, broadcast_strides(shape, whole)), copy)
    return copy, size


def _steps(item: Item, zero: Node | None, count: int, axis: int, batch: Shape) -> tuple[int, int, int]:
    """From the zero point of one row of A (column of B) to the next, of one batch to the next; 0 where they share it."""
    shape = ir.shape(zero) if zero is not None else ()
    if math.prod(shape) == 1:
        return 0, 0, 0
    wide = (1,) * (len(batch) + 2 - len(shape)) + shape
    lined = wide[axis] == count and wide[-1 if axis == -2 else -2] == 1
    if lined and math.prod(wide[:-2]) == 1:
        return 1, 0, 0
    if lined and wide[:-2] == batch:
        return 1, 0, count
    raise ModelError(
        f"'{item.user_name}' has zero points of shape {list(shape)}; its kernel takes one, or one for each row of the left "
        "and each column of the right operand"
    )


@lowers(torch.ops.amdc.matmul_integer.default)
def matmul_integer(item: Item, builder: ProgramBuilder) -> None:
    """(a, b, a_zero, b_zero); see amdc.ir.ops.linalg."""
    a, b, a_zero, b_zero = (*item.args, None, None)[:4]
    check_operands(item, a, b)
    *batch, m, n = item.shape
    k, count = ir.shape(a)[-1], math.prod(batch)
    (left, a_step), (right, b_step) = (_dense(item, builder, x, tuple(batch)) for x in (a, b))
    product = Product(
        m,
        n,
        k,
        1,
        count,
        Matrix(left, k, 1, 0, a_step, m * k),
        Matrix(right, 1, n, 0, b_step, k * n),
        Matrix(builder.place(item.node), 1, n, 0, m * n, m * n),
    )
    zeros = None
    if a_zero is not None or b_zero is not None:
        points = [_zero(builder, zero, place.dtype) for zero, place in ((a_zero, left), (b_zero, right))]
        steps = _steps(item, a_zero, m, -2, tuple(batch)), _steps(item, b_zero, n, -1, tuple(batch))
        zeros = Zeros(points[0], points[1], *steps)
    launch_any(Task(item, builder, product, item.prologue(-1), item.epilogue(-1)), zeros)


@lowers(torch.ops.amdc.convolution_integer.default)
def convolution_integer(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, x_zero, weight_zero, stride, pads, dilation, groups); see amdc.ir.ops.linalg."""
    x, weight, x_zero, weight_zero, stride, pads, dilation, groups = item.args
    check_operands(item, x, weight)
    shape = ir.shape(weight)
    window = make_window(item, x, groups, shape[1], shape[2:], stride, pads[: len(stride)], dilation)
    zeros: tuple[Operand, ...] | None = None
    if x_zero is not None or weight_zero is not None:
        each = weight_zero is not None and math.prod(ir.shape(weight_zero)) > 1
        zeros = (_zero(builder, x_zero, dtype_name(x)), _zero(builder, weight_zero, dtype_name(weight)), int(each))
    direct(item, builder, window.to_rank(3), Operands(x, weight, None), zeros)
