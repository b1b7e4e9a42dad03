"""Decoding of the scalar encodings: SOP2, SOPK, SOP1, SOPC, SOPP, SMEM.

Source: AMD, GCN3 ISA manual, chapter 13, "Scalar ALU and control formats" and "Scalar memory format".
"""

from __future__ import annotations

from amdc.sim.fetch import Fetch, bits, signed
from amdc.sim.isa.model import Instruction, Op, Operand
from amdc.sim.operands import register_count


def _finish(
    fetch: Fetch, op: Op, dst: tuple[Operand, ...], src: tuple[Operand, ...], modifiers: dict[str, int | str] | None = None
) -> Instruction:
    words = tuple(fetch.words[fetch.index : fetch.index + fetch.size])
    return Instruction(fetch.address, 4 * fetch.size, op, op.format, dst, src, modifiers or {}, words)


def _destination(fetch: Fetch, op: Op, code: int) -> tuple[Operand, ...]:
    return (fetch.scalar(code, register_count(op.dst[0])),) if op.dst else ()


def decode_sop2(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("SOP2", bits(word, 23, 7))
    src = (fetch.source(bits(word, 0, 8), op.src[0]), fetch.source(bits(word, 8, 8), op.src[1]))
    return _finish(fetch, op, _destination(fetch, op, bits(word, 16, 7)), src)


def decode_sop1(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("SOP1", bits(word, 8, 8))
    src = (fetch.source(bits(word, 0, 8), op.src[0]),) if op.src else ()
    return _finish(fetch, op, _destination(fetch, op, bits(word, 16, 7)), src)


def decode_sopc(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("SOPC", bits(word, 16, 7))
    second = bits(word, 8, 8)
    if op.src[1] == "u16":  # the index mode of s_set_gpr_idx_on is the field itself
        return _finish(fetch, op, (), (fetch.source(bits(word, 0, 8), op.src[0]), Operand("imm", value=second)))
    return _finish(fetch, op, (), (fetch.source(bits(word, 0, 8), op.src[0]), fetch.source(second, op.src[1])))


def decode_sopk(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("SOPK", bits(word, 23, 5))
    field, register = bits(word, 0, 16), bits(word, 16, 7)
    constant = Operand("imm", value=signed(field, 16) if "i16" in op.src else field)
    src: tuple[Operand, ...] = (constant,)
    if op.name == "s_setreg_imm32_b32":
        src = (constant, fetch.take_literal("b32"))
    elif op.name == "s_setreg_b32":
        src = (constant, fetch.scalar(register, 1))
    elif len(op.src) == 2:  # comparisons and branches read the register that others write
        src = (fetch.scalar(register, register_count(op.src[0])), constant)
    return _finish(fetch, op, _destination(fetch, op, register), src, {"simm16": constant.value})


def decode_sopp(fetch: Fetch) -> Instruction:
    word = fetch.word(0)
    op = fetch.op("SOPP", bits(word, 16, 7))
    field = bits(word, 0, 16)
    branches = "branch" in op.name
    return _finish(fetch, op, (), (), {"simm16": signed(field, 16) if branches else field})


def decode_smem(fetch: Fetch) -> Instruction:
    low, high = fetch.word(0), fetch.word(1)
    fetch.size = 2
    op = fetch.op("SMEM", bits(low, 18, 8))
    data_field, base_field = bits(low, 6, 7), 2 * bits(low, 0, 6)
    dst = _destination(fetch, op, data_field)
    if not op.src:
        return _finish(fetch, op, dst, ())
    modifiers: dict[str, int | str] = {"glc": bits(low, 16, 1)}
    offset = Operand("imm", value=bits(high, 0, 20)) if bits(low, 17, 1) else fetch.scalar(bits(high, 0, 7), 1)
    base = fetch.scalar(base_field, register_count(op.src[-2]))
    data = (fetch.scalar(data_field, register_count(op.src[0])),) if len(op.src) == 3 else ()
    if op.name.startswith("s_atc_probe"):
        modifiers["permissions"] = data_field
    return _finish(fetch, op, dst, (*data, base, offset), modifiers)
