"""How kernels that reduce contiguous rows (kernels/hip/rows.h) share a row out: lanes, vectors, what stays in registers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import VECTOR_BYTES
from amdc.kernels.catalog import MOST_HELD
from amdc.kernels.template import Value
from amdc.program import ITEM_SIZES

BLOCK = 256
FEW_ROWS = 1024  # below this number of rows, more than a wave shares one that has a vector for each lane of two waves
MOST_ELEMENTS = 32  # that a lane keeps
SHORT = 4  # vectors a lane of a row that 16 lanes share, at most


@dataclass(frozen=True)
class RowPlan:
    """`lanes` lanes share a row; each keeps `held` vectors of `vector` elements. `loop`: rows are longer than that. A work-group
    has `least` lanes or more."""

    lanes: int
    vector: int
    held: int
    loop: bool
    least: int = BLOCK

    @property
    def block(self) -> tuple[int, int, int]:
        return (max(self.least, self.lanes), 1, 1)

    @property
    def parameters(self) -> dict[str, Value]:
        return {"ROW_LANES": self.lanes, "VECTOR": self.vector, "HELD": self.held, "LOOP": int(self.loop)}

    def grid(self, rows: int, spans: int = 1) -> tuple[int, int, int]:
        return (-(-rows // (self.block[0] // self.lanes)), spans, 1)


def plan_rows(
    builder: ProgramBuilder,
    rows: int,
    length: int,
    operands: Sequence[Node | Place],
    streams: int = 1,
    kept: int = 0,
) -> RowPlan:
    """`operands`: what is read and written a vector at a time. `streams`: tensors of whole rows that are read; in a work-group of
    1,024 they share 64 VGPRs a lane. `kept`: VGPRs that a lane of 1,024 has for elements of a row that is otherwise read twice; 0
    where it is read once anyway."""
    places = [builder.place(operand) for operand in operands]
    vector = _vector(places, length)
    vectors = -(-length // vector)
    most = MOST_HELD if vector == 1 else min(MOST_HELD // 2, MOST_ELEMENTS // vector)
    if vectors <= 16 * SHORT and rows >= FEW_ROWS:
        lanes = 16
    elif vectors <= 64 * most and (rows >= FEW_ROWS or vectors <= 128):
        lanes = 64
    else:
        lanes = 256 if vectors <= 256 * most else 1024
    most = most // streams if lanes == 1024 else most
    registers = max(1, *(ITEM_SIZES[place.dtype] // 4 for place in places))  # of an element
    if kept and lanes == 1024 and streams == 1:
        for fewer in (512, 1024):  # a CU holds two work-groups of 512 lanes: one stores while the other loads
            if -(-vectors // fewer) * vector * registers <= kept:
                return RowPlan(fewer, vector, -(-vectors // fewer), loop=False)
    loop = vectors > lanes * most
    return RowPlan(lanes, vector, most // 2 if loop else -(-vectors // lanes), loop)


def plan_span(builder: ProgramBuilder, length: int, operand: Node | Place, span: int) -> RowPlan:
    """A wave, alone in its work-group, takes `span` elements of a row."""
    vector = _vector([builder.place(operand)], length)
    vectors, most = -(-span // vector), MOST_HELD
    return RowPlan(64, vector, min(most, -(-vectors // 64)), vectors > 64 * most, least=64)


def _vector(places: Sequence[Place], length: int) -> int:
    """16 bytes of the widest operand, or less, so that rows divide into vectors whose addresses are multiples of 4."""
    sizes = [ITEM_SIZES[place.dtype] for place in places]
    vector = VECTOR_BYTES // max(sizes)
    while vector > 1 and (
        length % vector or any(place.offset % min(4, vector * size) for place, size in zip(places, sizes, strict=True))
    ):
        vector //= 2
    return vector if vector * max(sizes) >= 8 or max(sizes) < 4 else 1
