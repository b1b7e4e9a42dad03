"""Operands from their encodings: registers, special registers, inline constants and literals.

Source: AMD, GCN3 ISA manual, "SGPR and VGPR operand encodings" and "Scalar ALU operands"; the patterns of inline constants in
16-bit and 64-bit operands from LLVM's AMDGPU documentation, "Operands".
"""

from __future__ import annotations

import struct
from functools import cache

from amdc.sim.isa.model import Operand

LITERAL, SDWA, DPP = 255, 249, 250
_WORDS = {"64": 2, "96": 3, "128": 4, "256": 8, "512": 16}
_PAIRS = {102: "flat_scratch", 104: "xnack_mask", 106: "vcc", 108: "tba", 110: "tma", 126: "exec"}
_SINGLES = {124: "m0"}
_CONDITIONS = {251: "vccz", 252: "execz", 253: "scc"}  # read as 0 or 1
_FLOATS = {240: 0.5, 241: -0.5, 242: 1.0, 243: -1.0, 244: 2.0, 245: -2.0, 246: 4.0, 247: -4.0}
_INVERSE_TAU = {16: 0x3118, 32: 0x3E22F983, 64: 0x3FC45F306DC9C882}  # 1/(2 pi), code 248
_FLOAT_LAYOUT = {16: ("<e", "<H"), 32: ("<f", "<I"), 64: ("<d", "<Q")}


def register_count(type: str) -> int:
    """Consecutive 32-bit registers that a value of `type` takes in SGPRs or VGPRs (a mask: 2 SGPRs)."""
    return 2 if type == "mask" else _WORDS.get(type[1:], 1)


def pattern_bits(type: str) -> int:
    """Width of the pattern of a constant in an operand of `type`: 16, 32 or 64."""
    return 16 if type.endswith("16") else 64 if type.endswith("64") else 32


def vgpr(index: int, type: str) -> Operand:
    return Operand("vgpr", index, register_count(type))


@cache
def scalar(code: int, count: int) -> Operand | None:
    """The SGPR or special register that a scalar field names, `count` registers wide; None for a reserved or misaligned code."""
    if code in _CONDITIONS:
        return Operand("special", code, count, name=_CONDITIONS[code])
    if code % min(count, 4):
        return None
    if code + count <= 102:
        return Operand("sgpr", code, count)
    if code >= 112 and code + count <= 124:
        first = code - 112
        return Operand("special", code, count, name=f"ttmp{first}" if count == 1 else f"ttmp[{first}:{first + count - 1}]")
    if code in _SINGLES and count == 1:
        return Operand("special", code, count, name=_SINGLES[code])
    name = _PAIRS.get(code & ~1)
    if name is None or count > 2:
        return None
    return Operand("special", code, count, name=name if count > 1 else name + ("_hi" if code & 1 else "_lo"))


def _inline_pattern(code: int, bits: int) -> int | None:
    if 128 <= code <= 192:
        return code - 128
    if 193 <= code <= 208:
        return (192 - code) & ((1 << bits) - 1)
    if code == 248:
        return _INVERSE_TAU[bits]
    if code in _FLOATS:
        as_float, as_integer = _FLOAT_LAYOUT[bits]
        pattern: int = struct.unpack(as_integer, struct.pack(as_float, _FLOATS[code]))[0]
        return pattern
    return None


def _literal_pattern(value: int, type: str) -> int:
    """A 32-bit literal in an operand of `type`: the high half of an f64, sign-extended to i64, zero-extended to u64 and b64."""
    if type == "f64":
        return value << 32
    if type == "i64" and value >> 31:
        return value | 0xFFFFFFFF00000000
    return value & 0xFFFF if pattern_bits(type) == 16 else value


def literal(value: int, type: str) -> Operand:
    """The literal whose 32-bit word is `value`."""
    return Operand("literal", value=_literal_pattern(value, type))


@cache
def source(code: int, type: str) -> Operand | None:
    """What a 9-bit source field names, literals aside; None for a reserved code. `value` of a constant is its pattern in the
    operand's own width (64 bits for 64-bit types, 16 for 16-bit types, else 32)."""
    if code >= 256:
        return vgpr(code - 256, type)
    if code < 128 or code in _CONDITIONS:
        return scalar(code, register_count(type))
    pattern = _inline_pattern(code, pattern_bits(type))
    return None if pattern is None else Operand("inline", code, value=pattern)
