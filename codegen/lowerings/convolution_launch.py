"""What the launches of all convolution kernels have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.ir import graph as ir
from amdc.kernels.template import KernelTemplate, Value


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
    inside: Sequence[Place] = (),
) -> None:
    """Launch with the fused expressions' operands appended. `inside`: what the launch writes for itself alone."""
    prologue, epilogue = item.prologue(1), item.epilogue(1)
    builder.launch(
        template,
        parameters,
        item=item,
        grid=grid,
        arguments=(*arguments, *prologue.operands, *epilogue.operands),
        writes=(item.node,),
        inside=inside,
        flops=2 * window.multiply_adds + epilogue.flops * math.prod(item.shape),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, ("x".join(map(str, window.kernel)), hint, epilogue.hint))),
        block=(lanes, 1, 1),
    )


class Named(Protocol):
    """How a kernel spreads its work."""

    @property
    def name(self) -> str: ...


Shape = TypeVar("Shape", bound=Named)


def in_parts(
    shapes: Sequence[Shape],
    counts: Sequence[int],
    may_split: Callable[[Shape, int], bool],
    cost: Callable[[Shape, int], float],
    build: Callable[[Shape, int], None],
) -> Iterator[Candidate]:
    """A candidate for each shape and each number of parts into which work-groups split the channels, as far as they may."""
    for shape in shapes:
        for parts in counts:
            if parts == 1 or may_split(shape, parts):
                name = shape.name + (f" {parts} parts" if parts > 1 else "")
                yield Candidate(name, partial(cost, shape, parts), partial(build, shape, parts))


def partials(item: Item, builder: ProgramBuilder, waves: int, parts: int, sums: int) -> tuple[Place, Place]:
    """Where `waves` waves of each of `parts` leave `sums` floats a lane, and the counters by which the last of them is known."""
    return builder.scratch(f"{item.node.name}.partials", waves * parts * sums * 256), builder.counters(waves)


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
