"""Decoding of the vector ALU encodings: VOP2, VOP1, VOPC, with SDWA and DPP, and VOP3.

Source: AMD, GCN3 ISA manual, chapter 13, "Vector ALU formats".
"""

from __future__ import annotations

from dataclasses import replace

from amdc.sim.fetch import Fetch, bits
from amdc.sim.isa.model import Instruction, Op, Operand
from amdc.sim.operands import DPP, SDWA, vgpr

VCC = Operand("special", 106, 2, name="vcc")
SELECTIONS = ("BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3", "WORD_0", "WORD_1", "DWORD")
UNUSED = ("UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE")
SCALAR_RESULTS = frozenset({"v_readfirstlane_b32", "v_readlane_b32"})


def decode_vop2(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("VOP2", bits(word, 25, 6))
    second = (vgpr(bits(word, 9, 8), op.src[1]),)
    if op.name.startswith("v_madmk"):
        return _literal_form(fetch, op, (fetch.take_literal(op.src[1]), *second))
    if op.name.startswith("v_madak"):
        return _literal_form(fetch, op, (*second, fetch.take_literal(op.src[2])))
    return _short_form(fetch, op, second)


def decode_vop1(fetch: Fetch) -> Instruction:
    return _short_form(fetch, fetch.op("VOP1", bits(fetch.word(0), 9, 8)), ())


def decode_vopc(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("VOPC", bits(word, 17, 8))
    return _short_form(fetch, op, (vgpr(bits(word, 9, 8), op.src[1]),))


def _literal_form(fetch: Fetch, op: Op, others: tuple[Operand, ...]) -> Instruction:
    first = fetch.source(bits(fetch.word(0), 0, 9), op.src[0])
    return _finish(fetch, op, op.format, _destinations(fetch, op), (first, *others), {})


def _short_form(fetch: Fetch, op: Op, second: tuple[Operand, ...]) -> Instruction:
    """VOP1, VOP2 and VOPC: the first source's field also says whether a word of SDWA or DPP controls follows."""
    field = bits(fetch.word(0), 0, 9)
    implicit = (VCC,) if "mask" in op.src else ()
    if field in (SDWA, DPP) and not op.src:
        raise fetch.error(f"{op.name} has no sources to modify")
    if field == SDWA:
        return _sdwa(fetch, op, second, implicit)
    if field == DPP:
        return _dpp(fetch, op, second, implicit)
    first = (fetch.source(field, op.src[0]),) if op.src else ()
    return _finish(fetch, op, op.format, _destinations(fetch, op), (*first, *second, *implicit), {})


def _destinations(fetch: Fetch, op: Op) -> tuple[Operand, ...]:
    """Of the 32-bit encodings: comparisons and carries go to VCC."""
    field = bits(fetch.word(0), 17, 8)
    if op.format == "VOPC":
        return (VCC,)
    if op.name in SCALAR_RESULTS:
        return (fetch.scalar(bits(field, 0, 7), 1),)
    return tuple(VCC if type == "mask" else vgpr(field, type) for type in op.dst)


def _sdwa(fetch: Fetch, op: Op, second: tuple[Operand, ...], implicit: tuple[Operand, ...]) -> Instruction:
    control = fetch.word(1)
    fetch.size = 2
    src = [_selected(fetch, vgpr(bits(control, 0, 8), op.src[0]), op.src[0], bits(control, 16, 6))]
    src += [_selected(fetch, operand, op.src[1], bits(control, 24, 6)) for operand in second]
    unused = bits(control, 11, 2)
    if unused == 3:
        raise fetch.error("SDWA dst_unused 3 is reserved")
    modifiers: dict[str, int | str] = {"clamp": bits(control, 13, 1)}
    if op.format != "VOPC":
        modifiers |= {"dst_sel": _selection(fetch, bits(control, 8, 3)), "dst_unused": UNUSED[unused]}
    return _finish(fetch, op, "SDWA", _destinations(fetch, op), (*src, *implicit), modifiers)


def _selection(fetch: Fetch, code: int) -> str:
    if code >= len(SELECTIONS):
        raise fetch.error(f"SDWA selection {code} is reserved")
    return SELECTIONS[code]


def _selected(fetch: Fetch, operand: Operand, type: str, control: int) -> Operand:
    """`control` holds the selection (2:0), sign extension (3), negation (4) and absolute value (5)."""
    chosen = replace(operand, sel=_selection(fetch, control & 7), sext=bool(control >> 3 & 1))
    return _signed(chosen, type, bool(control >> 4 & 1), bool(control >> 5 & 1))


def _signed(operand: Operand, type: str, neg: bool, absolute: bool) -> Operand:
    """The operand with negation and absolute value, which only floats and raw bits have."""
    return operand if type[0] in "iu" else replace(operand, neg=neg, abs=absolute)


def _dpp(fetch: Fetch, op: Op, second: tuple[Operand, ...], implicit: tuple[Operand, ...]) -> Instruction:
    control = fetch.word(1)
    fetch.size = 2
    first = _signed(vgpr(bits(control, 0, 8), op.src[0]), op.src[0], bool(control >> 20 & 1), bool(control >> 21 & 1))
    others = tuple(_signed(operand, op.src[1], bool(control >> 22 & 1), bool(control >> 23 & 1)) for operand in second)
    modifiers: dict[str, int | str] = {
        "dpp_ctrl": bits(control, 8, 9),
        "row_mask": bits(control, 28, 4),
        "bank_mask": bits(control, 24, 4),
        "bound_ctrl": bits(control, 19, 1),
    }
    return _finish(fetch, op, "DPP", _destinations(fetch, op), (first, *others, *implicit), modifiers)


def decode_vop3(fetch: Fetch) -> Instruction:
    low, high = fetch.word(0), fetch.word(1)
    fetch.size = 2
    op = fetch.op("VOP3", bits(low, 16, 10))
    src = tuple(_vop3_source(fetch, op, i) for i in range(len(op.src)))
    modifiers: dict[str, int | str] = {"clamp": bits(low, 15, 1), "omod": bits(high, 27, 2)}
    return _finish(fetch, op, "VOP3", _vop3_destinations(fetch, op), src, modifiers)


def _vop3_source(fetch: Fetch, op: Op, number: int) -> Operand:
    """Source `number`: its 9-bit field, negation and absolute value. A fourth source is VCC."""
    low, high = fetch.word(0), fetch.word(1)
    if number == 3:
        return VCC
    code, type = bits(high, 9 * number, 9), op.src[number]
    if type == "mask":
        return fetch.scalar(code, 2)
    if code in (SDWA, DPP, 255):
        raise fetch.error(f"source operand {code} is not allowed in VOP3")
    operand = fetch.source(code, type)
    neg = bool(high >> (29 + number) & 1)
    absolute = len(op.dst) < 2 and bool(low >> (8 + number) & 1)  # with a second destination, its register stands there
    return _signed(operand, type, neg, absolute)


def _vop3_destinations(fetch: Fetch, op: Op) -> tuple[Operand, ...]:
    low = fetch.word(0)
    if not op.dst:
        return ()
    field = bits(low, 0, 8)
    if op.dst[0] == "mask":
        return (fetch.scalar(field, 2),)
    if op.name in SCALAR_RESULTS:
        return (fetch.scalar(field, 1),)
    second = (fetch.scalar(bits(low, 8, 7), 2),) if len(op.dst) > 1 else ()
    return (vgpr(field, op.dst[0]), *second)


def _finish(
    fetch: Fetch, op: Op, encoding: str, dst: tuple[Operand, ...], src: tuple[Operand, ...], modifiers: dict[str, int | str]
) -> Instruction:
    words = tuple(fetch.words[fetch.index : fetch.index + fetch.size])
    return Instruction(fetch.address, 4 * fetch.size, op, encoding, dst, src, modifiers, words)
