"""Reading at computed positions: grids, regions, deformed windows; blocks that are added up; determinants."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Operand, ProgramBuilder
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops import linalg, sampling
from amdc.ir.pointwise import aten
from amdc.kernels.sampling import ADAPTIVE_MAX_POOL, COL2IM, DEFORM_COLUMNS, DET, GRID_SAMPLE, ROI_ALIGN
from amdc.kernels.template import KernelTemplate, Value

BLOCK = 256
CHANNELS = 8  # that share the work on one position
MODES = {"bilinear": 0, "linear": 0, "nearest": 1, "bicubic": 2, "cubic": 2}
PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}
FLOATS = ("float32", "float16", "bfloat16", "float64")


def _require_floats(item: Item, *values: Node | None) -> None:
    for value in values:
        if value is not None and dtype_name(value) not in FLOATS:
            raise ModelError(
                f"'{item.user_name}' computes {item.anchor.target if item.anchor else ''} in {dtype_name(value)}; its kernel is "
                f"made for {', '.join(FLOATS)}: convert the model"
            )


def _launch(
    item: Item,
    builder: ProgramBuilder,
    template: KernelTemplate,
    parameters: Mapping[str, Value],
    tensors: Mapping[str, Node | None],
    numbers: tuple[int | float, ...],
    grid: tuple[int, int, int],
    flops: int,
) -> None:
    """Launch a template whose first arguments are the result and the tensors, by the kernel's names for them; one that is not
    given gets the first one's memory, which the kernel then does not read."""
    out, first = builder.place(item.node), next(iter(tensors.values()))
    assert first is not None
    operands: list[Operand] = [first if value is None else value for value in tensors.values()]
    dtypes = {name: dtype_name(value) for name, value in tensors.items() if value is not None}
    builder.launch(
        template,
        parameters,
        item=item,
        grid=grid,
        arguments=[out, *operands, *numbers],
        writes=[out],
        flops=flops,
        prelude=access(out=out.dtype, **dtypes),
    )


def _sample(item: Item, builder: ProgramBuilder, x: Node, grid: Node, mode: int, padding: int, align: bool) -> None:
    _require_floats(item, x, grid)
    batch, channels, *size = ir.shape(x)
    rank, numel = len(size), math.prod(item.shape)
    if numel == 0:
        return
    if rank == 3 and mode == 2:
        raise ModelError(f"'{item.user_name}' samples a volume by cubic interpolation, which is defined for images alone")
    positions = math.prod(item.shape[2:])
    parameters: dict[str, Value] = {"RANK": rank, "MODE": mode, "PADDING": padding, "ALIGN": int(align), "CHANNELS": CHANNELS}
    taps = (2, 1, 4)[mode] ** rank
    depth, height, width = [1] * (3 - rank) + size
    grid_size = (-(-positions // BLOCK), -(-channels // CHANNELS), batch)
    numbers = (positions, channels, depth, height, width)
    _launch(item, builder, GRID_SAMPLE, parameters, {"x": x, "grid": grid}, numbers, grid_size, 2 * taps * numel)


@lowers(aten.grid_sampler_2d.default, aten.grid_sampler_3d.default, aten.grid_sampler.default)
def grid_sampler(item: Item, builder: ProgramBuilder) -> None:
    """(x, grid, interpolation_mode, padding_mode, align_corners)"""
    _sample(item, builder, *item.args[:5])


@lowers(sampling.grid_sample)
def grid_sample(item: Item, builder: ProgramBuilder) -> None:
    x, grid, mode, padding, align = item.args
    _sample(item, builder, x, grid, MODES[mode], PADDINGS[padding], align)


def _columns(
    item: Item,
    builder: ProgramBuilder,
    x: Node,
    offset: Node | None,
    mask: Node | None,
    window: dict[str, Any],
    out: tuple[int, int],
) -> None:
    """`window`: kernel, stride, pads (before each dimension), dilation, groups; `out`: rows and columns of positions."""
    *batch, channels, height, width = ir.shape(x)
    if math.prod(item.shape) == 0:
        return
    kernel, groups = window["kernel"], window["groups"]
    taps, positions, group_channels = math.prod(kernel), math.prod(out), channels // groups
    divisions = (positions, out[1], *magic(out[1]), taps, *magic(taps), kernel[1], *magic(kernel[1]))
    shares = (channels, group_channels, *magic(group_channels), groups, height, width)
    steps = (*window["stride"], *(pad % (1 << 32) for pad in window["pads"][:2]), *window["dilation"])
    images = math.prod(batch)
    _launch(
        item,
        builder,
        DEFORM_COLUMNS,
        {"OFFSET": int(offset is not None), "MASK": int(mask is not None)},
        {"x": x, "offset": offset, "mask": mask},
        (*divisions, *shares, *steps),
        (-(-positions // BLOCK), channels * taps, images),
        8 * math.prod(item.shape) if offset is not None else 0,
    )


@lowers(sampling.deform_columns)
def deform_columns(item: Item, builder: ProgramBuilder) -> None:
    """(x, offset, mask, kernel, stride, pads, dilation, offset_groups)"""
    x, offset, mask, kernel, stride, pads, dilation, groups = item.args
    _require_floats(item, x, offset, mask)
    window = {"kernel": kernel, "stride": stride, "pads": pads, "dilation": dilation, "groups": groups}
    rows, columns = ir.shape(offset)[2:]
    _columns(item, builder, x, offset, mask, window, (rows, columns))


@lowers(aten.im2col.default)
def im2col(item: Item, builder: ProgramBuilder) -> None:
    """(x, kernel_size, dilation, padding, stride)"""
    x, kernel, dilation, pads, stride = item.args
    window = {"kernel": kernel, "stride": stride, "pads": pads, "dilation": dilation, "groups": 1}
    rows, columns = blocks(ir.shape(x)[-2:], kernel, dilation, pads, stride)
    _columns(item, builder, x, None, None, window, (rows, columns))


def blocks(size: Any, kernel: Any, dilation: Any, pads: Any, stride: Any) -> tuple[int, ...]:
    """How many blocks stand along each dimension."""
    axes = zip(size, kernel, dilation, pads, stride, strict=True)
    return tuple((extent + 2 * pad - d * (k - 1) - 1) // step + 1 for extent, k, d, pad, step in axes)


@lowers(aten.col2im.default)
def col2im(item: Item, builder: ProgramBuilder) -> None:
    """(x, output_size, kernel_size, dilation, padding, stride)"""
    x, size, kernel, dilation, pads, stride = item.args
    count = math.prod(item.shape)
    if count == 0:
        return
    positions = blocks(size, kernel, dilation, pads, stride)
    (height, width), divisions = size, [magic(step) for step in stride]
    numbers = (count, height, *magic(height), width, *magic(width), *kernel, *positions)
    steps = (stride[0], *divisions[0], stride[1], *divisions[1], *pads, *dilation)
    _launch(item, builder, COL2IM, {}, {"x": x}, (*numbers, *steps), (-(-count // BLOCK), 1, 1), count * math.prod(kernel))


@lowers(aten.adaptive_max_pool2d.default, aten.adaptive_max_pool3d.default)
def adaptive_max_pool(item: Item, builder: ProgramBuilder) -> None:
    """(x, output_size) -> (values, int64 places in the plane)"""
    x, rank = item.args[0], len(item.args[1])
    out, places = builder.place(item.node, 0), builder.place(item.node, 1)
    if out.numel == 0:
        return
    sizes, outs = ([1] * (3 - rank) + list(shape[-rank:]) for shape in (ir.shape(x), item.shape))
    axes = [number for size, extent in zip(sizes, outs, strict=True) for number in (size, extent, *magic(extent))]
    builder.launch(
        ADAPTIVE_MAX_POOL,
        {},
        item=item,
        grid=(-(-out.numel // BLOCK), 1, 1),
        arguments=[out, places, x, out.numel, *axes],
        writes=[out, places],
        prelude=access(x=dtype_name(x), out=out.dtype),
    )


@lowers(sampling.roi_align)
def roi_align(item: Item, builder: ProgramBuilder) -> None:
    """(x, rois, batch_indices, height, width, sampling_ratio, spatial_scale, mode, half_pixel)"""
    given = arguments(item)
    _require_floats(item, given["x"], given["rois"])
    if dtype_name(given["x"]) == "float64":
        raise ModelError(f"'{item.user_name}' pools regions in float64; its kernel computes in float32: convert the model")
    count = math.prod(item.shape)
    if count == 0:
        return
    _, channels, height, width = ir.shape(given["x"])
    rows, columns = given["height"], given["width"]
    parameters: dict[str, Value] = {
        "SAMPLES": given["sampling_ratio"],
        "LARGEST": int(given["mode"] == "max"),
        "HALF_PIXEL": int(given["half_pixel"]),
    }
    sizes = (count, channels, *magic(channels), height, width, rows, *magic(rows), columns, *magic(columns))
    tensors = {"x": given["x"], "rois": given["rois"], "images": given["batch_indices"]}
    numbers = (*sizes, float(given["spatial_scale"]))
    _launch(item, builder, ROI_ALIGN, parameters, tensors, numbers, (-(-count // BLOCK), 1, 1), 16 * count)


LARGEST_MATRIX = {"float64": 64}  # rows; of other floats 88


@lowers(linalg.det)
def det(item: Item, builder: ProgramBuilder) -> None:
    x = item.args[0]
    _require_floats(item, x)
    rows, batch = ir.shape(x)[-1], math.prod(ir.shape(x)[:-2])
    limit = LARGEST_MATRIX.get(dtype_name(x), 88)
    if rows > limit:
        raise ModelError(f"'{item.user_name}' takes the determinant of {rows} rows; the kernel's LDS holds at most {limit}")
    if batch:
        _launch(item, builder, DET, {"N": rows}, {"x": x}, (), (batch, 1, 1), 2 * batch * rows**3 // 3)
