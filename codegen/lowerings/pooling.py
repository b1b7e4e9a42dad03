"""Max and average pooling in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import POOL

BLOCK = 256
MAX, AVERAGE, AVERAGE_INSIDE = 0, 1, 2


def spread(values: Any, rank: int, default: int = 1) -> list[int]:
    """A pooling argument as one number a dimension: a list of `rank`, of one, or empty (the default)."""
    given = [values] if isinstance(values, int) else list(values or ())
    return given * rank if len(given) == 1 else given or [default] * rank


def pool(
    item: Item,
    builder: ProgramBuilder,
    mode: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    pads: Sequence[int],
    dilation: Sequence[int],
    divisor: int = 0,
    indices: Place | None = None,
) -> None:
    """One launch of pool.hip. The lists hold one number a pooled dimension; the dimensions before them are batch and channels."""
    x, rank = item.args[0], len(kernel)
    grown = 3 - rank
    sizes, outs = [1] * grown + list(ir.shape(x)[-rank:]), [1] * grown + list(item.shape[-rank:])
    axes: list[Operand] = []
    columns = ([1] * grown + list(stride), [0] * grown + list(pads), [1] * grown + list(dilation))
    for size, out, step, pad, spacing in zip(sizes, outs, *columns, strict=True):
        axes += [size, *magic(out), out, step, pad, pad, spacing]
    channels = ir.shape(x)[-rank - 1] if len(ir.shape(x)) > rank else 1
    epilogue = item.epilogue(len(item.shape) - rank - 1)
    y = builder.place(item.node)
    window = dict(zip(("KD", "KH", "KW"), [1] * grown + list(kernel), strict=True))
    taps = window["KD"] * window["KH"] * window["KW"]
    builder.launch(
        POOL,
        {
            **window,
            "MODE": mode,
            "INDICES": int(indices is not None),
            "TYPE": TAGS[builder.place(x).dtype],
            "OUT": TAGS[y.dtype],
        },
        item=item,
        grid=(-(-y.numel // BLOCK), 1, 1),
        arguments=[y, x, indices or y, y.numel, channels, *magic(channels), divisor, *axes, *epilogue.operands],
        writes=[y] if indices is None else [y, indices],
        flops=y.numel * (taps + epilogue.flops),
        prelude=epilogue.text,
        hint="x".join(map(str, kernel)),
    )


def _arguments(item: Item, rank: int) -> tuple[list[int], list[int], list[int]]:
    """Kernel, stride (by default the kernel) and padding, which all poolings have in common."""
    args = list(item.args[1:]) + [None] * 3
    kernel = spread(args[0], rank)
    stride = spread(args[1], rank) if args[1] else kernel
    return kernel, stride, spread(args[2] or 0, rank)


_RANK: dict[Any, int] = {
    aten.max_pool1d.default: 1,
    aten.max_pool2d.default: 2,
    aten.max_pool3d.default: 3,
    aten.max_pool2d_with_indices.default: 2,
    aten.max_pool3d_with_indices.default: 3,
    aten.avg_pool1d.default: 1,
    aten.avg_pool2d.default: 2,
    aten.avg_pool3d.default: 3,
}


@lowers(
    aten.max_pool1d.default,
    aten.max_pool2d.default,
    aten.max_pool3d.default,
    aten.max_pool2d_with_indices.default,
    aten.max_pool3d_with_indices.default,
)
def max_pool(item: Item, builder: ProgramBuilder) -> None:
    assert item.anchor is not None
    rank = _RANK[item.anchor.target]
    kernel, stride, pads = _arguments(item, rank)
    dilation = spread(item.args[4] if len(item.args) > 4 else 1, rank)
    indices = builder.place(item.node, 1) if 1 in item.used else None
    pool(item, builder, MAX, kernel, stride, pads, dilation, indices=indices)


@lowers(aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)
def avg_pool(item: Item, builder: ProgramBuilder) -> None:
    assert item.anchor is not None
    rank = _RANK[item.anchor.target]
    kernel, stride, pads = _arguments(item, rank)
    include = item.args[5] if len(item.args) > 5 else item.kwargs.get("count_include_pad", True)
    divisor = item.args[6] if len(item.args) > 6 else item.kwargs.get("divisor_override")
    mode = AVERAGE if include else AVERAGE_INSIDE
    pool(item, builder, mode, kernel, stride, pads, [1] * rank, divisor=divisor or 0)
