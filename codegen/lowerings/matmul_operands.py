"""The operands of matrix products, and what the kernels demand of them. Views are read in place where the kernels can."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.strided_view import Axis, Layout, StridedView, common_atoms, merged
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.kernels import gemm
from amdc.program import ITEM_SIZES

CAMPING_BYTES, L2_BYTES = 512, 2 << 20  # channels interleave every 256 bytes, 4 KiB in all [GFX803.md]
COLUMNS_APART, ROWS_APART = 1, 2  # of gemm.hip's SPREAD
MAX_BYTES = 1 << 30  # of a tensor, and of one of as many floats: the kernels mark what is outside by offsets behind that


def check_operands(item: Item, *operands: Node | None) -> None:
    """Raises `ModelError` for a size or an extent that the kernels do not take; the result counts as an operand too."""
    name = (item.node.meta.get("source") or (item.node.name,))[0]
    for operand in filter(None, (*operands, item.node)):
        shape = ir.shape(operand)
        if max(4, ITEM_SIZES[dtype_name(operand)]) * math.prod(shape) >= MAX_BYTES:
            raise ModelError(f"'{name}' has an operand of shape {shape}: 1 GiB or more; use a smaller batch or input")
        if 0 in shape:
            raise ModelError(f"'{name}' has an operand without elements, of shape {shape}; give it at least one")


@dataclass(frozen=True)
class Matrix:
    """An operand or the result: element (column, k) of batch (o, i) lies column * `column` + k * `k` + o * `outer` + i * `inner`
    elements into `place`. `extent` counts the elements of one matrix, first to last, padding included. Columns are the rows m
    of A and the columns n of B; of C, they are n, and k stands for m."""

    place: Place
    column: int
    k: int
    outer: int
    inner: int
    extent: int

    @property
    def nbytes(self) -> int:
        """Of one matrix, from its first element to its last."""
        return self.extent * ITEM_SIZES[self.place.dtype]

    def layout(self, depth: int = 0) -> int:
        """What gemm_panels.h calls its layout: dwordx4 needs everything in multiples of 4, also the `depth` values of k where it
        runs along k. A result has no depth."""
        far = (self.k,) if self.column == 1 else (self.column, depth)
        aligned = not any(count % 4 for count in (*far, self.outer, self.inner, self.extent)) and self.place.offset % 16 == 0
        if self.column == 1:
            return gemm.VECTORS if aligned else gemm.ROWS
        return gemm.DEEP if self.k == 1 and depth and aligned else gemm.COLUMNS


@dataclass(frozen=True)
class Bias:
    """alpha * product + beta * bias[m * row + n * column]."""

    node: Node
    row: int
    column: int
    alpha: float
    beta: float


@dataclass(frozen=True)
class Product:
    """C[o, i] = A[o, i] B[o, i] for o < outer, i < inner; A is m x k, B is k x n."""

    m: int
    n: int
    k: int
    outer: int
    inner: int
    a: Matrix
    b: Matrix
    c: Matrix
    bias: Bias | None = None

    @property
    def batch(self) -> int:
        return self.outer * self.inner

    @property
    def spread(self) -> int:
        """Whose work-groups start at different k, where the rows of A begin in few of the memory channels: those of the columns
        (COLUMNS_APART), which read A together, if A stays in L2 though they are not in step; and those of the rows (ROWS_APART),
        which read B together, if B does."""
        pitch = self.a.column * ITEM_SIZES[self.a.place.dtype]
        if self.a.k != 1 or self.a.column <= 1 or pitch % CAMPING_BYTES:
            return 0
        together = ((COLUMNS_APART, self.a), (ROWS_APART, self.b))
        return sum(way for way, shared in together if shared.nbytes * self.batch <= L2_BYTES)


def make_product(builder: ProgramBuilder, a: Node, b: Node, result: StridedView, n: int, bias: Bias | None) -> Product:
    """The product of [..., m, k] and [..., k, n]; the rows of `b` may be padded beyond n. A view that the kernels cannot read,
    because a dimension has several strides, a negative one, or the batches step in more than two, is made dense."""
    views = [
        builder.view(node) if is_accessible(builder.view(node).layout) else builder.view(builder.place(node)) for node in (a, b)
    ]
    batches = _batches([*views, result])
    if batches is None:
        views = [builder.view(builder.place(node)) for node in (a, b)]
        batches = _batches([*views, result])
    assert batches is not None, "two dense operands and a readable result have batches of two strides at most"
    (outer, inner), strides = batches
    (m, k), width = ir.shape(a)[-2:], ir.shape(b)[-1]
    left = _matrix(views[0], -2, -1, m, k, strides[0])
    right = _matrix(views[1], -1, -2, width, k, strides[1])
    return Product(m, n, k, outer, inner, left, right, _matrix(result, -1, -2, n, m, strides[2]), bias)


def is_accessible(layout: Layout) -> bool:
    """Whether one operand's strides are such that the kernels can read, or write, it."""
    atoms = [atom for axis in layout.axes for atom in axis]
    batch = merged(atom for axis in layout.axes[:-2] for atom in axis)
    single = all(len(axis) <= 1 for axis in layout.axes[-2:])
    return single and len(batch) <= 2 and all(stride >= 0 for _, stride in atoms)


def _batches(views: list[StridedView]) -> tuple[tuple[int, int], list[tuple[int, int]]] | None:
    """Outer and inner extent of the batch and each operand's two strides; None where the operands step in more than that."""
    axes: list[Axis] = [tuple(atom for axis in view.layout.axes[:-2] for atom in axis) for view in views]
    cut = common_atoms(axes)
    if cut is None or len(cut[0]) > 2:
        return None
    missing = (2 - len(cut[0])) * (1,)
    outer, inner = (*missing, *cut[0])
    pairs = [(*(0 for _ in missing), *steps) for steps in cut[1]]
    return (outer, inner), [(pair[0], pair[1]) for pair in pairs]


def _matrix(view: StridedView, column: int, k: int, columns: int, rows: int, batch: tuple[int, int]) -> Matrix:
    """`column` and `k` are the axes of a view that the kernels can read, `columns` and `rows` their extents."""
    layout, place = view.layout, view.base
    k_stride = layout.axes[k][0][1] if layout.axes[k] else columns
    step = layout.axes[column][0][1] if layout.axes[column] else 1
    extent = (columns - 1) * step + (rows - 1) * k_stride + 1
    if layout.offset:
        size = math.prod(layout.shape)
        place = replace(place, shape=(size,), offset=place.offset + layout.offset * ITEM_SIZES[place.dtype])
    return Matrix(place, step, k_stride, *batch, extent)
