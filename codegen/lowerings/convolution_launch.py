"""What the launches of all convolution kernels have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.ir import graph as ir
from amdc.kernels import conv
from amdc.kernels.template import KernelTemplate, Value

NOTHING = FusedExpression("", (), 0, ())


def launch(
    item: Item,
    builder: ProgramBuilder,
    template: KernelTemplate,
    parameters: Mapping[str, Value],
    grid: tuple[int, int, int],
    arguments: Sequence[Operand],
    window: Window,
    hint: str,
    lanes: int = 256,
    parts: Place | None = None,
    inside: Sequence[Place] = (),
) -> None:
    """Launch with the fused expressions' operands appended. With `parts`, that is where the kernel writes, and bias and epilogue
    are left to `sum_parts`. `inside`: what the launch writes for itself alone."""
    prologue, epilogue = item.prologue(1), item.epilogue(1) if parts is None else NOTHING
    builder.launch(
        template,
        parameters,
        item=item,
        grid=grid,
        arguments=(*arguments, *prologue.operands, *epilogue.operands),
        writes=(parts or item.node,),
        inside=inside,
        flops=2 * window.multiply_adds + epilogue.flops * math.prod(item.shape),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, ("x".join(map(str, window.kernel)), hint, epilogue.hint))),
        block=(lanes, 1, 1),
    )


def parts_of(item: Item, builder: ProgramBuilder, count: int) -> Place | None:
    """A buffer for `count` partial sums of each output; none where they are whole."""
    return builder.activation(f"{item.node.name}.parts", "float32", (count, *item.shape)) if count > 1 else None


def sum_parts(item: Item, builder: ProgramBuilder, parts: Place, bias: Node | None) -> None:
    """conv_sum.hip: the parts' sum, with bias and epilogue, as the item's value."""
    epilogue, count, channels = item.epilogue(1), math.prod(item.shape), item.shape[1]
    types = {"TYPE_Y": TAGS[dtype_name(item.node)]} | ({"TYPE_BIAS": TAGS[dtype_name(bias)]} if bias is not None else {})
    divisions = (*magic(math.prod(item.shape[2:])), *magic(channels))
    builder.launch(
        conv.CONV_SUM,
        {"BIAS": int(bias is not None), **types},
        item=item,
        grid=(-(-count // 256), 1, 1),
        arguments=(
            *(parts, item.node, count, parts.shape[0], channels, *divisions),
            *(() if bias is None else (bias,)),
            *epilogue.operands,
        ),
        writes=(item.node,),
        flops=(parts.shape[0] + epilogue.flops) * count,
        prelude=epilogue.text,
        hint=epilogue.hint,
    )


def sum_cost(item: Item, builder: ProgramBuilder, count: int) -> float:
    """Predicted microseconds of `sum_parts`: the parts come from L2 where they fit into half of it, else from DRAM."""
    target, outputs = builder.target, 4 * math.prod(item.shape)
    card = target.card()
    written = count * outputs if count * outputs > target.l2_size // 2 else 0
    return target.launch_us + 2 + (2 * written + outputs) / (card.dram_gbps * target.dram_efficiency * 1e3)


def types(item: Item, operands: Operands) -> dict[str, Value]:
    """The element types of input, weights, output and bias."""
    nodes = {"TYPE_X": operands.x, "TYPE_W": operands.weight, "TYPE_Y": item.node, "TYPE_BIAS": operands.bias}
    return {name: TAGS[dtype_name(node)] for name, node in nodes.items() if node is not None}


def least_bytes(item: Item, window: Window) -> int:
    """Bytes of the input and the output: what passes between chip and DRAM beside the weights."""
    x = item.args[0]
    read = window.batch * window.groups * window.in_channels * math.prod(window.size) * ir.dtype(x).itemsize
    return read + math.prod(item.shape) * ir.dtype(item.node).itemsize


def problem(item: Item, window: Window, operands: Operands) -> str:
    """The key of a convolution: its sizes and types, without names."""

    def by(values: Iterable[int]) -> str:
        return "x".join(map(str, values))

    sizes = f"n={window.batch} c={window.in_channels} m={window.out_channels} groups={window.groups}"
    places = f"size={by(window.size)} out={by(window.out)} kernel={by(window.kernel)} stride={by(window.stride)}"
    more = f"pad={by(window.pad)} dilation={by(window.dilation)} weights={'packed' if operands.packed else 'plain'}"
    kinds = " ".join(f"{name.removeprefix('TYPE_').lower()}={tag}" for name, tag in types(item, operands).items())
    return f"conv {sizes} {places} {more} {kinds} prologue={int(bool(item.before))} epilogue={int(bool(item.after))}"
