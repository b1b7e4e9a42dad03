"""Copies that turn a contiguous dimension into another one: kernels/hip/transpose.hip."""

from __future__ import annotations

import math

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.indexing import Shape
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.kernels.catalog import TRANSPOSE
from amdc.program import ITEM_SIZES, Scalar

LEAST = 16  # extent of either dimension from which on tiles pay
MOST_REST = 3  # further dimensions


def launch_transpose(
    builder: ProgramBuilder,
    item: Item,
    dims: Shape,
    strides: Shape,
    out_strides: Shape,
    source: Operand,
    out: Place,
    offsets: tuple[int, int],
    hint: str,
) -> bool:
    """Copy out[coordinates] = source[coordinates] over the collapsed domain `dims`, by tiles. `offsets`, in elements: the
    source's and the result's. False, and nothing is done, where both are contiguous along the same dimension, or hardly along
    any."""
    last = len(dims) - 1
    turned = next((dim for dim in range(last) if strides[dim] == 1), None)
    rest = [dim for dim in range(last) if dim != turned]
    if turned is None or out_strides[last] != 1 or strides[last] in (0, 1) or len(rest) > MOST_REST:
        return False
    if min(dims[turned], dims[last]) < LEAST:
        return False
    size = ITEM_SIZES[out.dtype]
    tile = 64 if size < 8 else 32
    a, b = dims[last], dims[turned]
    tiles = (-(-a // tile), -(-b // tile))
    inner_first = [*reversed(rest), *(None for _ in range(MOST_REST - len(rest)))]
    steps = [(1, 0, 0) if dim is None else (dims[dim], strides[dim], out_strides[dim]) for dim in inner_first]
    numbers = [
        a,
        b,
        tiles[0],
        *magic(tiles[0]),
        tiles[1],
        *magic(tiles[1]),
        offsets[0],
        strides[last],
        offsets[1],
        out_strides[turned],
    ]
    for extent, x_step, out_step in steps[:-1]:
        numbers += [extent, *magic(extent), x_step, out_step]
    numbers += steps[-1][1:]
    builder.launch(
        TRANSPOSE,
        {"BYTES": size, "TILE": tile},
        item=item,
        grid=(tiles[0] * tiles[1] * math.prod(extent for extent, _, _ in steps), 1, 1),
        arguments=[out, source, *(Scalar("uint32", number & 0xFFFFFFFF) for number in numbers)],
        writes=[out],
        bytes_moved=2 * math.prod(dims) * size,
        hint=hint,
    )
    return True
