"""Sorting along a dimension, and the largest or smallest elements: chunks in LDS, then merges of neighbouring runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.ir import graph as ir
from amdc.ir.ops import selection
from amdc.ir.pointwise import aten
from amdc.kernels.ordering import MERGE_RUNS, SORT_CHUNKS
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


def _sort(item: Item, builder: ProgramBuilder, dim: int, keep: int, descending: bool) -> None:
    x = item.args[0]
    shape = ir.shape(x) or (1,)
    dim %= len(shape)
    outer, length, inner = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    values, places = builder.place(item.node, 0), builder.place(item.node, 1)
    if values.numel == 0:
        return
    sort = _Sort(x, outer, length, inner, keep, descending, values, places)
    chunk = min(LARGEST, max(SMALLEST, 1 << (length - 1).bit_length()))
    if length <= chunk:
        _chunks(item, builder, sort, chunk, (values, places), length)
        return
    run = min(keep, chunk)
    count = length // chunk * run + min(run, length % chunk)
    pairs = _scratch(item, builder, sort, count)
    _chunks(item, builder, sort, chunk, pairs, count)
    _merge(item, builder, sort, pairs, count, run)


@lowers(aten.sort.default, aten.sort.stable)
def sort(item: Item, builder: ProgramBuilder) -> None:
    """(x, [stable,] dim=-1, descending=False) -> (values, indices); always stable."""
    given = arguments(item)
    length = (ir.shape(item.args[0]) or (1,))[given["dim"]]
    _sort(item, builder, given["dim"], length, given["descending"])


@lowers(aten.topk.default, selection.topk)
def topk(item: Item, builder: ProgramBuilder) -> None:
    """(x, k, dim=-1, largest=True[, sorted=True]): in order always; of equal values those of the lowest index."""
    given = arguments(item)
    _sort(item, builder, given["dim"], given["k"], given["largest"])
