"""3x3 convolutions by Winograd's F(2x2, 3x3): the candidates that kernels/hip/winograd.hip offers, and their launches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.winograd_filters import POINTS, transformed
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels import conv
from amdc.kernels.conv import WinogradShape
from amdc.kernels.tiles import round_up

LEAST_CHANNELS = 8  # below, padding them to a stage costs more than the products saved


def takes(window: Window, operands: Operands) -> bool:
    """3x3, stride 1, no dilation, weights known at compile time."""
    plain = window.kernel == (3, 3) and set(window.stride) == set(window.dilation) == {1} and not window.transposed
    return plain and operands.weight.op == "get_attr" and window.in_channels >= LEAST_CHANNELS


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each way to spread tiles, filters and channels over waves; none where Winograd does not apply."""
    if not takes(window, operands):
        return
    for shape in conv.WINOGRAD_SHAPES:
        predicted = partial(_cost, item, builder, window, shape)
        yield Candidate(shape.name, predicted, partial(_build, item, builder, window, operands, shape))


def _tiles(window: Window) -> tuple[int, int]:
    """2x2 tiles of an image, along y and x; those at the edge may be cut."""
    return -(-window.out[0] // 2), -(-window.out[1] // 2)


def _grid(window: Window, shape: WinogradShape) -> tuple[int, int, int]:
    along_y, along_x = _tiles(window)
    tiles, blocks = window.batch * along_y * along_x, -(-window.out_channels // shape.filters)
    return -(-tiles // 64), -(-blocks // shape.filter_waves), window.groups


def _cost(item: Item, builder: ProgramBuilder, window: Window, shape: WinogradShape) -> float:
    """Counted off the compiled loops: see the figures in winograd.hip."""
    own, stages = shape.filter_waves, -(-window.in_channels // shape.waves)
    products = POINTS * shape.filters * own
    valu = 4 * (products + 40)
    filters = 4 * products
    stage = Mix(
        valu=valu,
        lds=own * 4 * 8 + 4 * 16,
        vmem=16 * 9,
        load_bytes=64 * 4 * 5 + filters,  # windows overlap: of 16 values a tile about 5 come from L2
        alone=valu + 60 * own + 150,
    )
    end = Mix(valu=4 * 40 * shape.filters, vmem=4 * shape.filters * 16, store_bytes=64 * 16 * shape.filters, alone=3000)
    grid = _grid(window, shape)
    occupancy = Shape(shape.waves, shape.groups_per_cu, shape.groups_per_cu * shape.waves // 4)
    weights = 4 * POINTS * window.groups * window.out_channels * window.in_channels
    nbytes = least_bytes(item, window) + weights
    return estimate(stage * stages + end, occupancy, grid[0] * grid[1] * grid[2], nbytes, builder.target).us


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: WinogradShape) -> None:
    channels = round_up(window.in_channels, shape.waves)
    record = POINTS * shape.filters  # of one channel
    filters = transformed(builder, window, operands, shape.filters, channels, tail=shape.waves * record)
    along_y, along_x = _tiles(window)
    tiles = window.batch * along_y * along_x
    parameters = {
        "WAVES": shape.waves,
        "FILTERS": shape.filters,
        "SPLIT": shape.split,
        "BIAS": int(operands.bias is not None),
        **{name: tag for name, tag in types(item, operands).items() if name != "TYPE_W"},
    }
    blocks = -(-window.out_channels // shape.filters)
    places = (window.groups, blocks, tiles, *window.size, *window.out, *window.pads, along_x, along_y * along_x)
    divisions = (*magic(along_x), *magic(along_y * along_x))
    counts = (channels // shape.waves, window.in_channels, window.out_channels, window.plane)
    arguments = (operands.x, filters, item.node, *places, *divisions, window.size[0] * window.size[1], *counts)
    launch(
        item,
        builder,
        conv.WINOGRAD,
        parameters,
        _grid(window, shape),
        (*arguments, *operands.bias_argument),
        window,
        shape.name.replace(" ", "_"),
        64 * shape.waves,
    )
