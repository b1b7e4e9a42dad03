"""A short notation for rows of the instruction table: operand types are written as one string, "u32 u32 mask"."""

from __future__ import annotations

from collections.abc import Callable

from amdc.sim.isa.model import Op

Row = Callable[..., Op]


def rows_of(format: str) -> Row:
    """A function (opcode, name, dst, src, meaning, ...) -> Op for rows of one encoding."""

    def row(
        opcode: int,
        name: str,
        dst: str = "",
        src: str = "",
        meaning: str = "",
        *,
        accumulates: bool = False,
        reads: str = "",
        writes: str = "",
        note: str = "",
    ) -> Op:
        return Op(
            name=name,
            format=format,
            opcode=opcode,
            dst=tuple(dst.split()),
            src=tuple(src.split()),
            meaning=meaning,
            accumulates=accumulates,
            reads=tuple(reads.split()),
            writes=tuple(writes.split()),
            note=note,
        )

    return row
