"""Decoding of the vector memory, LDS and graphics encodings: MUBUF, MTBUF, FLAT, DS, MIMG, VINTRP, EXP.

Source: AMD, GCN3 ISA manual, chapter 13, "LDS format", "Vector memory buffer formats", "Flat format" and those behind.
"""

from __future__ import annotations

from amdc.sim.fetch import Fetch, bits
from amdc.sim.isa.model import Instruction, Op, Operand
from amdc.sim.operands import register_count, vgpr


def _finish(
    fetch: Fetch, op: Op, dst: tuple[Operand, ...], src: tuple[Operand, ...], modifiers: dict[str, int | str]
) -> Instruction:
    words = tuple(fetch.words[fetch.index : fetch.index + fetch.size])
    return Instruction(fetch.address, 4 * fetch.size, op, op.format, dst, src, modifiers, words)


def _start(fetch: Fetch, format: str, low: int, count: int) -> tuple[int, int, Op]:
    """Both words, and the row of the opcode at bits [low, low + count) of the first."""
    first, second = fetch.word(0), fetch.word(1)
    fetch.size = 2
    return first, second, fetch.op(format, bits(first, low, count))


def two_offsets(op: Op) -> bool:
    """Whether a DS operation addresses two places, with an offset each."""
    form = op.meaning.split(" ")[0]
    return form.endswith(("2", "2st64")) and op.format == "DS"


def decode_ds(fetch: Fetch) -> Instruction:
    first, second, op = _start(fetch, "DS", 17, 8)
    fields = (bits(second, 0, 8), bits(second, 8, 8), bits(second, 16, 8))
    src = tuple(vgpr(field, type) for field, type in zip(fields, op.src, strict=False))
    dst = tuple(vgpr(bits(second, 24, 8), type) for type in op.dst)
    modifiers: dict[str, int | str] = {"gds": bits(first, 16, 1)}
    if two_offsets(op):
        modifiers |= {"offset0": bits(first, 0, 8), "offset1": bits(first, 8, 8)}
    else:
        modifiers["offset"] = bits(first, 0, 16)
    return _finish(fetch, op, dst, src, modifiers)


def decode_flat(fetch: Fetch) -> Instruction:
    first, second, op = _start(fetch, "FLAT", 18, 7)
    modifiers: dict[str, int | str] = {"glc": bits(first, 16, 1), "slc": bits(first, 17, 1), "tfe": bits(second, 23, 1)}
    src = (vgpr(bits(second, 0, 8), "b64"), *(vgpr(bits(second, 8, 8), type) for type in op.src[1:]))
    writes = not op.meaning.startswith("atomic") or modifiers["glc"]
    dst = tuple(vgpr(bits(second, 24, 8), type) for type in op.dst) if writes else ()
    return _finish(fetch, op, dst, src, modifiers)


def decode_mubuf(fetch: Fetch) -> Instruction:
    first, _, op = _start(fetch, "MUBUF", 18, 7)
    return _buffer(fetch, op, {"lds": bits(first, 16, 1), "slc": bits(first, 17, 1)})


def decode_mtbuf(fetch: Fetch) -> Instruction:
    first, second, op = _start(fetch, "MTBUF", 15, 4)
    return _buffer(fetch, op, {"slc": bits(second, 22, 1), "dfmt": bits(first, 19, 4), "nfmt": bits(first, 23, 3)})


def _buffer(fetch: Fetch, op: Op, further: dict[str, int | str]) -> Instruction:
    first, second = fetch.word(0), fetch.word(1)
    offen, idxen, glc = bits(first, 12, 1), bits(first, 13, 1), bits(first, 14, 1)
    modifiers = {"offset": bits(first, 0, 12), "offen": offen, "idxen": idxen, "glc": glc, "tfe": bits(second, 23, 1)} | further
    if not op.src:
        return _finish(fetch, op, (), (), {})
    address = Operand("vgpr", bits(second, 0, 8), offen + idxen) if offen or idxen else Operand("none")
    place = (
        address,
        fetch.scalar(4 * bits(second, 16, 5), 4),
        fetch.source(bits(second, 24, 8), "b32"),
    )
    data = bits(second, 8, 8)
    stores = len(op.src) == 4
    returns = glc if stores else not modifiers.get("lds")
    dst = tuple(vgpr(data, type) for type in op.dst) if returns else ()
    src = (vgpr(data, op.src[0]), *place) if stores else place[-len(op.src) :]
    return _finish(fetch, op, dst, src, modifiers)


def decode_mimg(fetch: Fetch) -> Instruction:
    first, second, op = _start(fetch, "MIMG", 18, 7)
    modifiers: dict[str, int | str] = {
        "dmask": bits(first, 8, 4),
        "unorm": bits(first, 12, 1),
        "glc": bits(first, 13, 1),
        "da": bits(first, 14, 1),
        "r128": bits(first, 15, 1),
        "tfe": bits(first, 16, 1),
        "lwe": bits(first, 17, 1),
        "slc": bits(first, 25, 1),
        "d16": bits(second, 31, 1),
    }
    src = (
        vgpr(bits(second, 8, 8), "b32"),
        vgpr(bits(second, 0, 8), "b32"),
        fetch.scalar(4 * bits(second, 16, 5), register_count("b256")),
        fetch.scalar(4 * bits(second, 21, 5), register_count("b128")),
    )
    return _finish(fetch, op, (), src, modifiers)


def decode_vintrp(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("VINTRP", bits(word, 16, 2))
    modifiers: dict[str, int | str] = {"attr": bits(word, 10, 6), "channel": "xyzw"[bits(word, 8, 2)]}
    return _finish(fetch, op, (vgpr(bits(word, 18, 8), "f32"),), (vgpr(bits(word, 0, 8), "f32"),), modifiers)


def decode_exp(fetch: Fetch) -> Instruction:
    first, second = fetch.word(0), fetch.word(1)
    fetch.size = 2
    names = {"en": (0, 4), "target": (4, 6), "compr": (10, 1), "done": (11, 1), "vm": (12, 1)}
    modifiers: dict[str, int | str] = {name: bits(first, low, count) for name, (low, count) in names.items()}
    src = tuple(vgpr(bits(second, 8 * i, 8), "f32") for i in range(4))
    return _finish(fetch, fetch.op("EXP", 0), (), src, modifiers)
