"""Element maps: every output element is an expression of one element of each source, found through strides.

One generated kernel body serves point-wise operators, broadcasts, permutations, slices, padding and repeats. Extents and strides
are run-time arguments, so that kernels differ only in expression, rank and in which strides are zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import C_TYPES, TAGS
from amdc.codegen.expression import load, store
from amdc.codegen.indexing import Shape, collapse, dense_strides
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.transpose import launch_transpose
from amdc.kernels.catalog import ELEMENTWISE
from amdc.program import ITEM_SIZES, Scalar

BLOCK = 256
MANY, EACH = 1 << 19, 4  # so many single elements are taken by several a lane: the card could not start waves fast enough
VECTOR_BYTES = 16  # of the widest operand, that a lane moves at once
RAW = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}  # what a copy moves, whatever the dtype: fewer distinct kernels
Emit = Callable[[list[str]], tuple[list[str], str]]  # names of the sources' values -> statements and the result


@dataclass(frozen=True)
class Source:
    """An operand of a map: `strides` (in elements, one a dimension of the domain; any sign) from element `offset` on. Where the
    domain's coordinate along a dimension of `window` {dim: (low, extent)} is outside low..low+extent-1, the value is `fill`.
    Each entry (source, stride, extent) of `gathered` adds the value of an earlier source, an index that counts from the end where
    it is negative, times a stride."""

    value: Node | Place
    dtype: str
    strides: Shape
    offset: int = 0
    window: dict[int, tuple[int, int]] = field(default_factory=dict)
    fill: str = "0"
    gathered: tuple[tuple[int, int, int], ...] = ()


@dataclass
class _Body:
    """The text of a map's kernel while it is written, with its extra parameters and their arguments."""

    vector: int
    params: list[str]
    arguments: list[Operand]
    lines: list[str]

    def parameter(self, name: str, value: int) -> str:
        self.params.append(f"unsigned {name}")
        self.arguments.append(Scalar("uint32", value & 0xFFFFFFFF))
        return name

    def pointer(self, name: str, value: Operand, const: str = "const ") -> None:
        self.params += [f"{const}void *{name}", f"unsigned {name}_bytes"]
        self.arguments.append(value)


def launch_map(
    builder: ProgramBuilder,
    item: Item,
    domain: Shape,
    sources: Sequence[Source],
    out: Place,
    emit: Emit,
    *,
    out_strides: Shape | None = None,
    out_offset: int = 0,
    out_gathered: tuple[tuple[int, int, int], ...] = (),
    flops: int = 0,
    hint: str = "",
) -> None:
    """One launch that sets out[coordinates] = emit(sources at the coordinates) over a whole domain; `out_gathered` is as a
    source's `gathered`."""
    numel = math.prod(domain)
    if numel == 0:
        return
    windows = {dim for source in sources for dim in source.window}
    all_strides = [source.strides for source in sources] + [out_strides or dense_strides(domain)]
    dims, strides, moved = collapse(domain, all_strides, fixed=sorted(windows))
    indirect = out_gathered or any(source.gathered for source in sources)
    placed = [replace(source, value=builder.place(source.value)) for source in sources]
    vector = 1 if indirect else _vector(dims, strides, placed, out, set(moved.values()), out_offset)
    count = -(-numel // vector)
    each = EACH if vector == 1 and count >= MANY else 1
    body = _Body(vector, [], [], [])
    dense_out = strides[-1] == dense_strides(dims) and not out_offset and not out_gathered
    plain = [
        s == dense_strides(dims) and source == Source(source.value, source.dtype, source.strides)
        for s, source in zip(strides[: len(sources)], sources, strict=True)
    ]
    if not all(plain) or not dense_out:
        _coordinates(body, dims)
    names: list[str] = []
    for k, source in enumerate(sources):
        body.pointer(f"a{k}", source.value)
        names.append(_load(body, k, source, strides[k], "element" if plain[k] else None, moved, names))
    body.pointer("out", out, const="")
    place = "element" if dense_out else _offset(body, "out", strides[-1], out_offset, out_gathered, names)
    _compute(body, sources, strides, names, emit, out, place)
    builder.launch(
        ELEMENTWISE,
        {},
        item=item,
        grid=(-(-count // (each * BLOCK)), 1, 1),
        arguments=[Scalar("uint32", count), *body.arguments],
        writes=[out],
        flops=flops,
        bytes_moved=_bytes(dims, strides, sources, out),
        prelude=_prelude(body) + (f"#define AMDC_EACH {each}\n" if each > 1 else ""),
        hint=hint,
    )


def _vector(dims: Shape, strides: list[Shape], sources: Sequence[Source], out: Place, windows: set[int], out_offset: int) -> int:
    """How many neighbours a lane takes at once: 16 bytes of the widest operand, or less, down to 1, where the innermost extent, a
    stride or an address (accesses of 4 bytes or more start at multiples of 4) does not allow that. `sources` have places."""
    moved = [(source, source.offset, s) for source, s in zip(sources, strides, strict=False) if s[-1]]
    operands = [(s.value, ITEM_SIZES[s.dtype], offset, steps) for s, offset, steps in moved]
    operands.append((out, ITEM_SIZES[out.dtype], out_offset, strides[-1]))
    if any(steps[-1] not in (0, 1) for steps in strides) or strides[-1][-1] != 1 or len(dims) - 1 in windows:
        return 1
    widest = max(size for _, size, _, _ in operands)
    # The last vector of a dense map may reach behind the tensors: those dwords read as 0 and are not written.
    tail = len(dims) == 1 and all(size % 4 == 0 and not offset for _, size, offset, _ in operands)
    vector = VECTOR_BYTES // widest
    while vector > 1:
        starts = [
            start % min(4, vector * size)
            for place, size, offset, steps in operands
            for start in (place.offset if isinstance(place, Place) else 0, *(step * size for step in (offset, *steps[:-1])))
        ]
        if (dims[-1] % vector == 0 or tail) and not any(starts):
            return vector
        vector = vector // 2 if vector * widest > 4 else 1
    return 1


def _coordinates(body: _Body, dims: Shape) -> None:
    """Statements that split `element` into c0, c1, ... with magic division by run-time extents."""
    rest = "element"
    for dim in reversed(range(1, len(dims))):
        multiplier, shift = magic(dims[dim])
        extent = body.parameter(f"extent{dim}", dims[dim])
        pair = f"{body.parameter(f'multiplier{dim}', multiplier)}, {body.parameter(f'shift{dim}', shift)}"
        body.lines.append(f"    unsigned q{dim} = amdc_divide({rest}, {pair}), c{dim} = {rest} - q{dim} * {extent};")
        rest = f"q{dim}"
    body.lines.append(f"    unsigned c0 = {rest};")


def _offset(
    body: _Body, name: str, strides: Shape, offset: int, gathered: tuple[tuple[int, int, int], ...], names: list[str]
) -> str:
    """The C++ expression of an element's position, in elements; `names` are the values of the sources so far."""
    terms = [body.parameter(f"{name}_start", offset)] if offset else []
    for dim, stride in enumerate(strides):
        if stride == 1:
            terms.append(f"c{dim}")
        elif stride:
            terms.append(f"c{dim} * {body.parameter(f'{name}_stride{dim}', stride)}")
    for number, (source, stride, extent) in enumerate(gathered):
        index = f"amdc_wrap({names[source]}, {body.parameter(f'{name}_count{number}', extent)})"
        terms.append(f"{index} * {body.parameter(f'{name}_step{number}', stride)}")
    return " + ".join(terms) or "0u"


def _load(body: _Body, k: int, source: Source, strides: Shape, known: str | None, moved: dict[int, int], names: list[str]) -> str:
    """Statements that load source k, at the index `known` where there is one; returns the name that holds one element of it (or
    of a vector, where it is stepped)."""
    name, ctype = f"a{k}", C_TYPES[source.dtype]
    index = known or _offset(body, name, strides, source.offset, source.gathered, names)
    wide = body.vector > 1 and strides[-1] != 0
    if wide:
        ctype, name = f"amdc_wide<{TAGS[source.dtype]}, {body.vector}>", f"{name}_wide"
        size, at = ITEM_SIZES[source.dtype], f"amdc_make(a{k}, a{k}_bytes)"
    else:
        value, name = load(source.dtype, name, index), f"{name}_value"
    tests = []
    for dim, (low, extent) in source.window.items():
        low_name = body.parameter(f"a{k}_low{dim}", low)
        tests.append(f"c{moved[dim]} - {low_name} < {body.parameter(f'a{k}_extent{dim}', extent)}")
    inside = " && ".join(tests)
    if wide:
        offset = f"{size}u * ({index})"
        body.lines.append(f"    {ctype} {name};")
        body.lines.append(f"    {name}.load({at}, {f'{inside} ? {offset} : AMDC_OUTSIDE' if tests else offset});")
        if tests:
            body.lines.append(f"    bool {name}_inside = {inside};")
    elif tests:
        body.lines.append(f"    {ctype} {name} = {source.fill};")
        body.lines.append(f"    if ({inside}) {name} = {value};")
    else:
        body.lines.append(f"    {ctype} {name} = {value};")
    return name


def _compute(
    body: _Body, sources: Sequence[Source], strides: list[Shape], names: list[str], emit: Emit, out: Place, place: str
) -> None:
    """The expression and the store: once, or for each of four neighbours."""
    if body.vector == 1:
        lines, result = emit(names)
        body.lines += [*lines, f"    {store(out.dtype, 'out', place, result)};"]
        return
    wide = f"amdc_wide<{TAGS[out.dtype]}, {body.vector}>"
    inner, values = [], []
    for k, (source, name) in enumerate(zip(sources, names, strict=True)):
        if strides[k][-1]:
            read = f"{name}.get(lane)"
            value = f"{name}_inside ? {read} : ({C_TYPES[source.dtype]}){source.fill}" if source.window else read
            inner.append(f"    {C_TYPES[source.dtype]} a{k}_value = {value};")
        values.append(f"a{k}_value")
    lines, result = emit(values)
    body.lines += [f"    {C_TYPES[out.dtype]} result[{body.vector}];", "#pragma unroll"]
    body.lines += [f"    for (unsigned lane = 0; lane < {body.vector}; ++lane) {{"]
    body.lines += ["    " + line for line in (*inner, *lines, f"    result[lane] = {result};")]
    body.lines += ["    }", f"    {wide}::store(amdc_make(out, out_bytes), {ITEM_SIZES[out.dtype]}u * ({place}), result);"]


def _prelude(body: _Body) -> str:
    """The generated function and the two macros that elementwise.hip uses."""
    passed = "".join(", " + parameter.split()[-1].lstrip("*") for parameter in body.params)
    params, lines = ", ".join(body.params), "\n".join(body.lines)
    return (
        f"AMDC_DEVICE void amdc_element(unsigned index, {params}) {{\n"
        f"    unsigned element = index * {body.vector}u;\n{lines}\n}}\n"
        f"#define AMDC_ELEMENT_PARAMS , {params}\n"
        f"#define AMDC_ELEMENT(index) amdc_element(index{passed})\n"
    )


def _bytes(dims: Shape, strides: list[Shape], sources: Sequence[Source], out: Place) -> int:
    """The least traffic: each distinct element of each source read once, each result written once."""
    total = math.prod(dims) * ITEM_SIZES[out.dtype]
    for source, steps in zip(sources, strides, strict=False):
        total += math.prod(extent for extent, step in zip(dims, steps, strict=True) if step) * ITEM_SIZES[source.dtype]
    return total


def launch_copy(
    builder: ProgramBuilder,
    item: Item,
    domain: Shape,
    source: Source,
    out: Place,
    *,
    out_strides: Shape | None = None,
    out_offset: int = 0,
    hint: str = "copy",
) -> None:
    """A map that only moves: elements of any dtype travel as integers of their size."""
    raw = RAW[ITEM_SIZES[source.dtype]]
    moved = replace(source, dtype=raw)
    place = Place(out.buffer, raw, out.shape, out.offset)
    if not source.window and not source.gathered and 0 not in domain:
        dims, (taken, put), _ = collapse(domain, [source.strides, out_strides or dense_strides(domain)])
        if launch_transpose(builder, item, dims, taken, put, source.value, place, (source.offset, out_offset), hint):
            return
    launch_map(
        builder,
        item,
        domain,
        [moved],
        place,
        lambda names: ([], names[0]),
        out_strides=out_strides,
        out_offset=out_offset,
        hint=hint,
    )
