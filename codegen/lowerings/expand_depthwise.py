"""A 1x1 convolution, an activation and a depthwise convolution: in one kernel (expand_depthwise.hip), or in two."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import FusedExpression
from amdc.codegen.item import Item
from amdc.codegen.lowerings import convolution_depthwise, convolution_kernels
from amdc.codegen.lowerings.convolution import make_window
from amdc.codegen.lowerings.convolution_launch import problem
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.expand_depthwise_spread import cost, spreads
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops.expand_depthwise import ACTIVATIONS, expand_depthwise
from amdc.ir.ops.packed import convolution_packed
from amdc.kernels.expand_depthwise import CHANNELS, EXPAND_DEPTHWISE, Spread


@dataclass(frozen=True)
class Half:
    """One of the two convolutions, as if it stood alone."""

    item: Item
    window: Window
    operands: Operands


@lowers(expand_depthwise)
def lower_expand_depthwise(item: Item, builder: ProgramBuilder) -> None:
    """(x, expand, expand_bias, activation, low, high, weight, bias, stride, pads)"""
    x, expand, expand_bias, activation, low, high, weight, bias, *_ = item.args
    check_operands(item, x, expand, weight)
    first, second = _halves(item)
    ways = [
        Candidate(
            spread.name,
            partial(cost, first.window, second.window, spread, builder.target),
            partial(_build, item, builder, first, second, spread),
        )
        for spread in spreads(first.window, second.window, builder.target)
    ]
    ways.append(Candidate("apart", partial(_apart_cost, builder, first, second), partial(_apart, builder, first, second)))
    key = (
        f"expand={first.window.in_channels} {activation}={low},{high} bias={int(expand_bias is not None)},{int(bias is not None)}"
    )
    builder.choose(f"expand_depthwise {key} {problem(second.item, second.window, second.operands)}", ways).build()


def _halves(item: Item) -> tuple[Half, Half]:
    """The two convolutions; the first one's item computes a node that stands in no graph."""
    x, expand, expand_bias, _, _, _, weight, bias, stride, pads = item.args
    channels, _, *kernel = ir.shape(weight)
    wide = _expanded(item)
    args = (x, expand, expand_bias, [1, 1], [1, 1], [0] * 4, [1, 1], 1, channels)
    after = () if wide.target is convolution_packed else (wide,)
    made = Item(item.graph, wide, wide.all_input_nodes[0] if after else wide, args, {}, {}, after=after)
    window = make_window(made, x, 1, ir.shape(x)[1], (1, 1), (1, 1), (0, 0), (1, 1))
    first = Half(made, window, Operands(x, expand, expand_bias, packed=True))
    kept = replace(item, args=(wide, weight, bias))
    second = make_window(kept, wide, channels, 1, kernel, stride, pads[:2], (1, 1))
    return first, Half(kept, second, Operands(wide, weight, bias))


def _expanded(item: Item) -> Node:
    """A node for the expanded planes, behind the activation."""
    x, expand, expand_bias, activation, low, high, weight, *_ = item.args
    graph, channels = torch.fx.Graph(), ir.shape(weight)[0]
    inputs = [None if outer is None else graph.placeholder("operand") for outer in (x, expand, expand_bias)]
    shape = (ir.shape(x)[0], channels, *ir.shape(x)[2:])
    with x.meta["val"].fake_mode:
        meta = {"val": torch.empty(shape), "source": item.node.meta.get("source", ()), "value": None}
    node = graph.call_function(
        convolution_packed, (*inputs, [1, 1], [1, 1], [0] * 4, [1, 1], 1, channels), name=f"{item.node.name}.expanded"
    )
    node.meta = dict(meta)
    if activation != "clamp" or low is not None or high is not None:
        bounds = (low, high) if activation == "clamp" else ()
        node = graph.call_function(ACTIVATIONS[activation], (node, *bounds))
        node.meta = dict(meta)
    return node


def _apart_cost(builder: ProgramBuilder, first: Half, second: Half) -> float:
    ways = (
        convolution_kernels.ways_of(first.item, builder, first.window, first.operands),
        convolution_depthwise.ways_of(second.item, builder, second.window, second.operands),
    )
    return sum(min(way.cost() for way in held) for held in ways)


def _apart(builder: ProgramBuilder, first: Half, second: Half) -> None:
    convolution_kernels.implicit_gemm(first.item, builder, first.window, first.operands)
    convolution_depthwise.depthwise(second.item, builder, second.window, second.operands)


def _build(item: Item, builder: ProgramBuilder, first: Half, second: Half, spread: Spread) -> None:
    x, expand, expand_bias, *_ = item.args
    inner, epilogue, window = _inner(first), item.epilogue(1), second.window
    parameters = dict(zip(("KH", "KW"), window.kernel, strict=True))
    parameters |= dict(zip(("IN_H", "IN_W", "OUT_H", "OUT_W"), (*window.size, *window.out), strict=True))
    parameters |= {"STRIDE": window.stride[0], "PAD_TOP": window.pad[0], "PAD_LEFT": window.pad[1], "OUT_ROWS": spread.rows}
    parameters |= {"WAVES_N": spread.waves_n, "WAVES_K": spread.waves_k, "STRIP": spread.strip}
    parameters |= {"EXPAND_BIAS": int(expand_bias is not None)}
    parameters |= {"BIAS": int(second.operands.bias is not None)}
    k, channels = first.window.in_channels, window.groups
    sizes = (k, k // spread.waves_k, channels, ir.shape(expand)[1])
    biases = (bias for bias in (expand_bias, second.operands.bias) if bias is not None)
    builder.launch(
        EXPAND_DEPTHWISE,
        parameters,
        item=item,
        grid=(-(-channels // CHANNELS), -(-window.out[0] // spread.rows), window.batch),
        arguments=(x, expand, item.node, second.operands.weight, *sizes, *biases, *epilogue.operands),
        writes=(item.node,),
        flops=2 * (first.window.multiply_adds + window.multiply_adds) + epilogue.flops * math.prod(item.shape),
        prelude=inner.text + epilogue.text,
        hint="_".join(filter(None, (f"{window.kernel[0]}x{window.kernel[1]}_s{window.stride[0]}", epilogue.hint))),
        block=(64 * spread.waves, 1, 1),
    )


def _inner(first: Half) -> FusedExpression:
    """The activation between, as the macro AMDC_INNER."""
    item = first.item
    return FusedExpression.make("inner", item.after, item.anchor, item.shape, {}, 1)
