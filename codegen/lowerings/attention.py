"""Scaled dot-product attention, on attention.hip or, for a few rows, attention_decode.hip; operands are read where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.attention_decode import DecodeWay, Sizes, decode_ways
from amdc.codegen.lowerings.views import place_result
from amdc.codegen.magic import magic
from amdc.codegen.operators import TRANSCENDENTAL
from amdc.codegen.registry import lowers
from amdc.codegen.strided_view import Layout, StridedView
from amdc.codegen.typed import arguments
from amdc.errors import InternalError, ModelError
from amdc.ir import graph as ir
from amdc.ir.ops.attention import attention
from amdc.ir.ops.attention_joined import attention_joined
from amdc.kernels import attention as kernels
from amdc.kernels.template import KernelTemplate
from amdc.program import ITEM_SIZES

MAX_BYTES = 1 << 30  # of a tensor: the kernels mark what is outside by offsets behind that
STORED = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Operand:
    """A tensor of rank 4 whose last dimension is contiguous, or a mask: its memory from its first element on, and its strides."""

    place: Place
    strides: tuple[int, ...]

    @property
    def in_fours(self) -> bool:
        """Whether rows start, and batches and heads step, in multiples of 16 bytes of fp32."""
        aligned = self.place.offset % 16 == 0 and all(stride % 4 == 0 for stride in self.strides[:3])
        return self.place.dtype == "float32" and aligned


@dataclass(frozen=True)
class Joined:
    """Keys and values that follow those of the first tensors, whose `past` keys end where these begin."""

    k: Operand
    v: Operand
    past: int

    @property
    def arguments(self) -> tuple[Place | int, ...]:
        return self.k.place, self.v.place, self.past, *self.k.strides[:3], *self.v.strides[:3]


@lowers(attention, attention_joined)
def lower_attention(item: Item, builder: ProgramBuilder) -> None:
    """(q, k, v[, new_k, new_v], mask, scale, causal, softcap): more columns than a kernel holds take several launches."""
    given = arguments(item)
    q, k, v, mask = (given[name] for name in ("q", "k", "v", "mask"))
    new = [given[name] for name in ("new_k", "new_v") if name in given]
    _check(item, [q, k, v, *new], mask)
    (batch, heads, m, d), (_, groups, past, e) = ir.shape(q), ir.shape(v)
    n = past + (ir.shape(new[0])[2] if new else 0)
    sizes = Sizes(batch, groups, heads // groups, m, n, d, e)
    tensors = [_operand(builder, node) for node in (q, k, v)]
    further = [_operand(builder, node) for node in new]
    masked = None if mask is None else _mask(builder, mask, (batch, heads, m, n))
    result = place_result(item, builder, _is_accessible)
    out = Operand(result.base, _strides(result.layout) or ())
    scale, softcap = float(given["scale"]), float(given["softcap"])
    for first in range(0, e, kernels.MOST_COLUMNS):
        columns = min(e - first, kernels.MOST_COLUMNS)
        parts = [*tensors[:2], *(_columns(tensor, first) for tensor in (tensors[2], out))]
        joined = Joined(further[0], _columns(further[1], first), past) if further else None
        _Task(item, builder, replace(sizes, e=columns), parts, masked, scale, softcap, bool(given["causal"]), joined).build()


def _check(item: Item, operands: list[Node], mask: Node | None) -> None:
    """Raises `ModelError` for dtypes and sizes that the kernels do not take."""
    if mask is not None and dtype_name(mask) not in ("bool", *STORED):
        raise ModelError(
            f"'{item.user_name}' has an attention mask of {dtype_name(mask)}; it must be of bool or {', '.join(STORED)}"
        )
    for operand in (*operands, item.node):
        dtype = dtype_name(operand)
        if dtype not in STORED or dtype != dtype_name(operands[0]):
            held = ", ".join(map(dtype_name, operands))
            known = ", ".join(STORED)
            raise ModelError(
                f"'{item.user_name}' computes attention of {held}; all must have one dtype of {known}: convert the model"
            )
        if 4 * math.prod(ir.shape(operand)) >= MAX_BYTES or 0 in ir.shape(operand):
            raise ModelError(f"'{item.user_name}' has an operand of shape {ir.shape(operand)}; it must hold 1 element to 1 GiB")


def _strides(layout: Layout) -> tuple[int, ...] | None:
    """The stride of each dimension; None where one has several, or a negative one."""
    if any(len(axis) > 1 or any(stride < 0 for _, stride in axis) for axis in layout.axes):
        return None
    return tuple(axis[0][1] if axis else 0 for axis in layout.axes)


def _is_accessible(layout: Layout) -> bool:
    strides = _strides(layout)
    return strides is not None and (strides[-1] == 1 or not layout.axes[-1])


def _operand(builder: ProgramBuilder, node: Node) -> Operand:
    view = builder.view(node)
    return _from(view if _is_accessible(view.layout) else builder.view(builder.place(node)))


def _from(view: StridedView) -> Operand:
    """A view whose dimensions have a stride each."""
    strides, place, offset = _strides(view.layout), view.base, view.layout.offset
    assert strides is not None
    rest = replace(place, shape=(place.numel - offset,), offset=place.offset + offset * ITEM_SIZES[place.dtype])
    return Operand(rest if offset else place, strides)


def _mask(builder: ProgramBuilder, mask: Node, shape: tuple[int, ...]) -> Operand:
    """A mask that broadcasts to `shape` through strides of 0."""
    view = builder.view(mask)
    wide = StridedView(view.base, view.layout.expand(shape))
    if _strides(wide.layout) is None:
        place = builder.place(mask)
        wide = StridedView(place, Layout.dense(place.shape).expand(shape))
    return _from(wide)


def _columns(tensor: Operand, first: int) -> Operand:
    """The tensor from column `first` on."""
    place = tensor.place
    moved = replace(place, shape=(place.numel - first,), offset=place.offset + first * ITEM_SIZES[place.dtype])
    return replace(tensor, place=moved) if first else tensor


@dataclass(frozen=True)
class _Task:
    """One attention to lay out. `parts`: q, k, v and the result, with as many columns of the last two as `sizes` says."""

    item: Item
    builder: ProgramBuilder
    sizes: Sizes
    parts: list[Operand]
    mask: Operand | None
    scale: float
    softcap: float
    causal: bool
    joined: Joined | None = None

    @property
    def parameters(self) -> dict[str, int | str]:
        sizes = self.sizes
        parts = [*self.parts, self.joined.k, self.joined.v] if self.joined else self.parts
        return {
            "TYPE": TAGS[parts[0].place.dtype],
            "MASK_TYPE": TAGS[self.mask.place.dtype] if self.mask else "float",
            "CAUSAL": int(self.causal),
            "MASK": _mask_kind(self.mask, sizes),
            "SOFTCAP": int(self.softcap > 0),
            "VECTORS": int(all(part.in_fours for part in parts) and sizes.d % 4 == 0 and sizes.e % 4 == 0),
            "WIDTH": sizes.d,
            "V_WIDTH": sizes.e,
        }

    def build(self) -> None:
        """The launches: attention_decode.hip for few rows, in one of several ways, and attention.hip for more."""
        sizes = self.sizes
        kind = f"{self.parts[0].place.dtype} mask={self.parameters['MASK']} causal={int(self.causal)}"
        kind += " joined" if self.joined else ""
        ways = decode_ways(self.builder.target, sizes, ITEM_SIZES[self.parts[0].place.dtype])
        candidates = [Candidate(way.name, partial(way.us, self.builder.target), partial(self.decode, way)) for way in ways]
        if not candidates and self.joined:
            raise InternalError(
                f"'{self.item.node.name}' has keys in two tensors and {sizes.rows} rows; JoinKeys makes it of few"
            )
        if candidates:
            self.builder.choose(f"attention {sizes} {kind}", candidates).build()
        else:
            self.tiles()

    def tiles(self) -> None:
        grid = (-(-self.sizes.rows // kernels.GROUP_ROWS), self.sizes.groups, self.sizes.batch)
        self._launch(kernels.ATTENTION, {}, grid)

    def decode(self, way: DecodeWay) -> None:
        sizes, split = self.sizes, way.splits > 1
        inside: tuple[Place, ...] = ()
        if split:
            tiles = sizes.batch * sizes.groups
            values = tiles * way.splits * way.held * (sizes.e + 2)
            inside = self.builder.scratch(f"{self.item.node.name}.parts", 4 * values), self.builder.counters(tiles)
        held: dict[str, int | str] = {"HELD": way.held, "SPLIT": int(split), "JOINED": int(self.joined is not None)}
        shared = (sizes.groups, way.splits) if split else ()
        self._launch(kernels.ATTENTION_DECODE, held, (way.splits, sizes.groups, sizes.batch), (way.span,), shared, inside)

    def _launch(
        self,
        template: KernelTemplate,
        choice: dict[str, int | str],
        grid: tuple[int, int, int],
        further: tuple[int, ...] = (),
        shared: tuple[int, ...] = (),
        inside: tuple[Place, ...] = (),
    ) -> None:
        """`further`: numbers behind the strides; `shared`, `inside`: where work-groups share keys, and what those write."""
        sizes, parts, mask = self.sizes, self.parts, self.mask
        strides = [stride for part in parts for stride in part.strides[:3]]
        scale = self.scale / self.softcap if self.softcap > 0 else self.scale
        masked: tuple[Place | int, ...] = (mask.place, *mask.strides) if mask else ()
        numbers = (sizes.m, sizes.n, sizes.heads, *magic(sizes.m), *strides, *further, scale, self.softcap)
        new = self.joined.arguments if self.joined else ()
        products = sizes.batch * sizes.groups * sizes.rows * sizes.n
        self.builder.launch(
            template,
            self.parameters | choice,
            item=self.item,
            grid=grid,
            arguments=(*(part.place for part in parts), *numbers, *shared, *inside, *new, *masked),
            writes=(parts[3].place,),
            inside=inside,
            flops=products * (2 * (sizes.d + sizes.e) + TRANSCENDENTAL),
            bytes_moved=_bytes(sizes, self.parts, mask),
            hint="causal" if self.causal else "",
        )


def _mask_kind(mask: Operand | None, sizes: Sizes) -> int:
    """0 none, 1 the same for all rows of a work-group, 2 by row."""
    if mask is None:
        return 0
    _, head, row, _ = mask.strides
    return 1 if row == 0 and (head == 0 or sizes.heads == 1) else 2


def _bytes(sizes: Sizes, parts: list[Operand], mask: Operand | None) -> int:
    """The least traffic: each operand once."""
    per_batch = sizes.rows * (sizes.d + sizes.e) + sizes.n * (sizes.d + sizes.e)
    moved = sizes.batch * sizes.groups * per_batch * ITEM_SIZES[parts[0].place.dtype]
    return moved + (mask.place.nbytes if mask else 0)
