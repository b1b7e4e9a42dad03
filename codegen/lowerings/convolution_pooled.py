"""A 3x3 convolution and the 2x2 max pooling behind it: in Winograd's kernels, whose tiles hold whole windows, or apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings import convolution_winograd4 as winograd4
from amdc.codegen.lowerings import convolution_winograd_lds as winograd_lds
from amdc.codegen.lowerings.convolution import make_window
from amdc.codegen.lowerings.convolution_kernels import implicit_gemm, ways_of
from amdc.codegen.lowerings.convolution_launch import problem
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.lowerings.pooling import MAX, pool
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops.convolution_pooled import convolution_pooled
from amdc.ir.ops.packed import convolution_packed


@dataclass(frozen=True)
class Apart:
    """The convolution as if it stood alone."""

    item: Item
    window: Window
    operands: Operands


@lowers(convolution_pooled)
def lower_convolution_pooled(item: Item, builder: ProgramBuilder) -> None:
    """(x, weight, bias, out_channels)"""
    x, weight, bias, _ = item.args
    check_operands(item, x, weight, bias)
    apart = _apart(item)
    window, operands = replace(apart.window, pooled=True), apart.operands
    ways = [
        *winograd_lds.candidates(item, builder, window, operands),
        *winograd4.candidates(item, builder, window, operands),
        Candidate("apart", partial(_apart_cost, builder, apart), partial(_build_apart, item, builder, apart)),
    ]
    builder.choose(f"pooled 2x2 {problem(item, window, operands)}", ways).build()


def _apart(item: Item) -> Apart:
    """The convolution's item computes a node that stands in no graph."""
    x, weight, bias, outs = item.args
    args = ([3, 3], [1, 1], [1] * 4, [1, 1], 1, outs)
    graph = torch.fx.Graph()
    inputs = [None if outer is None else graph.placeholder("operand") for outer in (x, weight, bias)]
    node: Node = graph.call_function(convolution_packed, (*inputs, *args), name=f"{item.node.name}.whole")
    with x.meta["val"].fake_mode:
        whole = torch.empty((ir.shape(x)[0], outs, *ir.shape(x)[2:]))
    node.meta = {"val": whole, "source": item.node.meta.get("source", ()), "value": None}
    made = Item(item.graph, node, node, (x, weight, bias, *args), {}, {})
    window = make_window(made, x, 1, ir.shape(x)[1], (3, 3), (1, 1), (1, 1), (1, 1))
    return Apart(made, window, Operands(x, weight, bias, packed=True))


def _apart_cost(builder: ProgramBuilder, apart: Apart) -> float:
    """The convolution's and the pooling's, which streams."""
    target, window = builder.target, apart.window
    streamed = 5 * window.batch * window.out_channels * window.plane  # bytes: 4 read, and a quarter of that written, an output
    stream_us = streamed / (target.card().dram_gbps * target.dram_efficiency * 1e3)
    convolved = min(way.cost() for way in ways_of(apart.item, builder, window, apart.operands))
    return convolved + stream_us + target.launch_us


def _build_apart(item: Item, builder: ProgramBuilder, apart: Apart) -> None:
    implicit_gemm(apart.item, builder, apart.window, apart.operands)
    pool(replace(item, args=(apart.item.node,)), builder, MAX, [2, 2], [2, 2], [0, 0], [1, 1])
