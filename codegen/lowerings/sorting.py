"""Sorting along a dimension, and the largest or smallest elements: chunks in LDS, then merges of neighbouring runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops import selection
from amdc.ir.pointwise import aten
from amdc.kernels.ordering import MERGE_RUNS, SEARCH_SORTED, SORT_CHUNKS
from amdc.program import ITEM_SIZES

SMALLEST, LARGEST = 64, 2048  # elements of a chunk


@dataclass(frozen=True)
class _Sort:
    """x seen as [outer, length, inner]; of each row the first `keep` in order are written to `values` and `places`."""

    x: Node
    outer: int
    length: int
    inner: int
    keep: int
    descending: bool
    values: Place
    places: Place

    @property
    def rows(self) -> int:
        return self.outer * self.inner

    @property
    def prelude(self) -> str:
        return access(x=dtype_name(self.x), values=self.values.dtype)

    @property
    def key_bytes(self) -> int:
        return max(4, ITEM_SIZES[dtype_name(self.x)])


def _chunks(item: Item, builder: ProgramBuilder, sort: _Sort, chunk: int, out: tuple[Place, Place], kept: int) -> None:
    """Sort each chunk; `kept` elements a row stay."""
    chunks = -(-sort.length // chunk)
    keep = min(sort.keep, chunk)
    sizes = (sort.length, keep, kept, chunks, *magic(chunks), sort.inner, *magic(sort.inner))
    builder.launch(
        SORT_CHUNKS,
        {"CHUNK": chunk, "DESCENDING": int(sort.descending), "FINAL": int(chunks == 1)},
        item=item,
        grid=(sort.rows * chunks, 1, 1),
        arguments=[*out, sort.x, *sizes],
        writes=out,
        prelude=sort.prelude,
        block=(min(256, chunk // 2 if chunk > 64 else 64), 1, 1),
    )


def _merged(count: int, run: int, longest: int) -> int:
    """How many elements a row holds once its runs are merged in pairs of which `longest` elements stay."""
    pairs, rest = divmod(count, 2 * run)
    return pairs * longest + min(rest, longest)


def _merge(item: Item, builder: ProgramBuilder, sort: _Sort, pairs: tuple[Place, Place], count: int, run: int) -> None:
    """Merge runs until one is left, of `sort.keep` elements."""
    while run < count:
        longest = min(2 * run, sort.keep)
        merged, last = _merged(count, run, longest), 2 * run >= count
        out = (sort.values, sort.places) if last else _scratch(item, builder, sort, merged)
        elements = sort.rows * count
        divisions = (elements, count, *magic(count), run, *magic(run))
        builder.launch(
            MERGE_RUNS,
            {"DESCENDING": int(sort.descending), "FINAL": int(last)},
            item=item,
            grid=(-(-elements // 256), 1, 1),
            arguments=[*out, sort.x, *pairs, *divisions, longest, merged, sort.length, sort.inner, *magic(sort.inner)],
            writes=out,
            prelude=sort.prelude,
        )
        pairs, count, run = out, merged, longest


def _scratch(item: Item, builder: ProgramBuilder, sort: _Sort, count: int) -> tuple[Place, Place]:
    """Keys and places of `count` elements a row."""
    keys = builder.scratch(f"{item.node.name}.keys", sort.rows * count * sort.key_bytes)
    return keys, builder.scratch(f"{item.node.name}.places", sort.rows * count * 4)


def sort_rows(item: Item, builder: ProgramBuilder, dim: int, keep: int, descending: bool, out: tuple[Place, Place]) -> None:
    """Write the first `keep` elements of the operator's first operand along `dim` in order, and their places, to `out`."""
    x = item.args[0]
    shape = ir.shape(x) or (1,)
    dim %= len(shape)
    outer, length, inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    if out[0].numel == 0:
        return
    sort = _Sort(x, outer, length, inner, keep, descending, *out)
    chunk = min(LARGEST, max(SMALLEST, 1 << (length - 1).bit_length()))
    if length <= chunk:
        _chunks(item, builder, sort, chunk, out, length)
        return
    run = min(keep, chunk)
    count = length // chunk * run + min(run, length % chunk)
    pairs = _scratch(item, builder, sort, count)
    _chunks(item, builder, sort, chunk, pairs, count)
    _merge(item, builder, sort, pairs, count, run)


def _results(item: Item, builder: ProgramBuilder) -> tuple[Place, Place]:
    return builder.place(item.node, 0), builder.place(item.node, 1)


@lowers(aten.sort.default, aten.sort.stable)
def sort(item: Item, builder: ProgramBuilder) -> None:
    """(x, [stable,] dim=-1, descending=False) -> (values, indices); always stable."""
    given = arguments(item)
    length = (ir.shape(item.args[0]) or (1,))[given["dim"]]
    sort_rows(item, builder, given["dim"], length, given["descending"], _results(item, builder))


@lowers(aten.topk.default, selection.topk)
def topk(item: Item, builder: ProgramBuilder) -> None:
    """(x, k, dim=-1, largest=True[, sorted=True]): in order always; of equal values those of the lowest index."""
    given = arguments(item)
    sort_rows(item, builder, given["dim"], given["k"], given["largest"], _results(item, builder))


@lowers(aten.kthvalue.default)
def kth_value(item: Item, builder: ProgramBuilder) -> None:
    """(x, k, dim=-1, keepdim=False) -> (values, indices)"""
    given = arguments(item)
    _at(item, builder, given["dim"], given["k"] - 1, given["k"])


@lowers(aten.median.dim, aten.nanmedian.dim)
def median(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, keepdim=False) -> (values, indices): of an even number the lower one of the middle; a NaN is the median."""
    length = (ir.shape(item.args[0]) or (1,))[arguments(item)["dim"]]
    assert item.anchor is not None
    if item.anchor.target is aten.nanmedian.dim and ir.dtype(item.args[0]).is_floating_point:
        raise ModelError(
            f"'{item.user_name}' leaves NaNs out of a median, which has no kernel: use median() where there are none"
        )
    _at(item, builder, arguments(item)["dim"], (length - 1) // 2, length)


def _at(item: Item, builder: ProgramBuilder, dim: int, place: int, keep: int) -> None:
    """The element at `place` of the sorted rows; where the last of the `keep` sorted ones, whole rows, is NaN: that one."""
    x = item.args[0]
    shape = ir.shape(x) or (1,)
    dim %= len(shape)
    outer, inner, dtype = math.prod(shape[:dim]), math.prod(shape[dim + 1 :]), dtype_name(x)
    held = tuple(
        Place(
            builder.scratch(f"{item.node.name}.{name}", outer * keep * inner * ITEM_SIZES[kind]).buffer,
            kind,
            (outer, keep, inner),
        )
        for name, kind in (("values", dtype), ("places", "int64"))
    )
    sort_rows(item, builder, dim, keep, False, (held[0], held[1]))
    whole = keep == shape[dim]
    for index, kept in enumerate(held):
        out, strides = builder.place(item.node, index), (keep * inner, 1)
        sources = [
            Source(value, value.dtype, strides, position * inner)
            for value, position in ((held[0], keep - 1), (kept, keep - 1), (kept, place))
        ]
        launch_map(builder, item, (outer, inner), sources, out, _nan_first if whole else _last_source, hint="median")


def _nan_first(names: list[str]) -> tuple[list[str], str]:
    return [], f"{names[0]} != {names[0]} ? {names[1]} : {names[2]}"


def _last_source(names: list[str]) -> tuple[list[str], str]:
    return [], names[-1]


@lowers(aten.searchsorted.Tensor, aten.bucketize.Tensor)
def search_sorted(item: Item, builder: ProgramBuilder) -> None:
    """(sorted, x, *, out_int32=False, right=False, side=None, sorter=None), or (x, boundaries, *, out_int32, right)"""
    given, out = arguments(item), builder.place(item.node)
    sequence = given["sorted_sequence" if "sorted_sequence" in given else "boundaries"]
    if given.get("sorter") is not None:
        raise ModelError(f"'{item.user_name}' searches through a sorter, which has no kernel: sort the sequence before")
    if out.numel == 0:
        return
    x, length = given["self"], ir.shape(sequence)[-1]
    count = out.numel if len(ir.shape(sequence)) == 1 else ir.shape(x)[-1]
    step = 0 if len(ir.shape(sequence)) == 1 else length
    builder.launch(
        SEARCH_SORTED,
        {"RIGHT": int(given["right"] or given.get("side") == "right")},
        item=item,
        grid=(-(-out.numel // 256), 1, 1),
        arguments=[out, x, sequence, out.numel, count, *magic(count), length, step],
        writes=[out],
        prelude=access(x=dtype_name(x), sequence=dtype_name(sequence), out=out.dtype),
    )
