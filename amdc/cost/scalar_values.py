"""The arithmetic of instructions on known values, as far as loop counters and their limits need it.

Each function takes the sources' patterns and SCC, and gives the result's pattern (before it is cut to its width) and SCC.
Source: the rows of amdc/sim/isa/, whose C meanings these repeat.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from ctypes import c_float, c_uint32

Compute = Callable[[int, int, int], tuple[int, int]]


def signed(value: int, bits: int) -> int:
    """A pattern as a two's complement number."""
    return value - (1 << bits) if value >> bits - 1 else value


def _nonzero(bits: int, function: Callable[[int, int], int]) -> Compute:
    """SCC says whether the result is not zero."""

    def compute(a: int, b: int, scc: int) -> tuple[int, int]:
        result = function(a, b) & (1 << bits) - 1
        return result, int(result != 0)

    return compute


def _kept(function: Callable[[int, int], int]) -> Compute:
    """SCC stays as it is."""
    return lambda a, b, scc: (function(a, b), scc)


def _carry(function: Callable[[int, int, int], int]) -> Compute:
    """The unsigned carry or borrow goes into SCC."""

    def compute(a: int, b: int, scc: int) -> tuple[int, int]:
        result = function(a, b, scc)
        return result, int(not 0 <= result < 1 << 32)

    return compute


def _overflow(function: Callable[[int, int], int]) -> Compute:
    """The signed overflow goes into SCC."""

    def compute(a: int, b: int, scc: int) -> tuple[int, int]:
        result = function(signed(a, 32), signed(b, 32))
        return result, int(not -(1 << 31) <= result < 1 << 31)

    return compute


def _least(sign: bool, less: Callable[[int, int], bool]) -> Compute:
    def compute(a: int, b: int, scc: int) -> tuple[int, int]:
        first = less(signed(a, 32), signed(b, 32)) if sign else less(a, b)
        return (a if first else b), int(first)

    return compute


def _comparison(compare: Callable[[int, int], bool], sign: bool) -> Compute:
    return lambda a, b, scc: (0, int(compare(signed(a, 32), signed(b, 32)) if sign else compare(a, b)))


def _field(a: int, b: int) -> int:
    return a >> (b & 31) & (1 << (b >> 16 & 127)) - 1


_LOGIC: dict[str, Callable[[int, int], int]] = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "andn2": lambda a, b: a & ~b,
    "orn2": lambda a, b: a | ~b,
    "nand": lambda a, b: ~(a & b),
    "nor": lambda a, b: ~(a | b),
    "xnor": lambda a, b: ~(a ^ b),
    "not": lambda a, b: ~a,
}
_SHIFTS: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "s_lshl_b32": (32, lambda a, b: a << (b & 31)),
    "s_lshl_b64": (64, lambda a, b: a << (b & 63)),
    "s_lshr_b32": (32, lambda a, b: a >> (b & 31)),
    "s_lshr_b64": (64, lambda a, b: a >> (b & 63)),
    "s_ashr_i32": (32, lambda a, b: signed(a, 32) >> (b & 31)),
    "s_ashr_i64": (64, lambda a, b: signed(a, 64) >> (b & 63)),
    "s_bfe_u32": (32, _field),
    "s_abs_i32": (32, lambda a, b: abs(signed(a, 32))),
}
_ORDER = {"eq": operator.eq, "lg": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}

COMPUTE: dict[str, Compute] = {
    "s_add_u32": _carry(lambda a, b, scc: a + b),
    "s_addc_u32": _carry(lambda a, b, scc: a + b + scc),
    "s_sub_u32": _carry(lambda a, b, scc: a - b),
    "s_subb_u32": _carry(lambda a, b, scc: a - b - scc),
    "s_add_i32": _overflow(operator.add),
    "s_addk_i32": _overflow(operator.add),
    "s_sub_i32": _overflow(operator.sub),
    "s_mul_i32": _kept(operator.mul),
    "s_mulk_i32": _kept(operator.mul),
    "s_mov_b32": _kept(lambda a, b: a),
    "s_mov_b64": _kept(lambda a, b: a),
    "s_movk_i32": _kept(lambda a, b: a),
    "s_sext_i32_i8": _kept(lambda a, b: signed(a & 255, 8)),
    "s_sext_i32_i16": _kept(lambda a, b: signed(a & 65535, 16)),
    "s_cselect_b32": lambda a, b, scc: (a if scc else b, scc),
    "s_cselect_b64": lambda a, b, scc: (a if scc else b, scc),
    **{f"s_{name}_b{bits}": _nonzero(bits, function) for name, function in _LOGIC.items() for bits in (32, 64)},
    **{name: _nonzero(bits, function) for name, (bits, function) in _SHIFTS.items()},
    **{f"s_min_{kind}32": _least(kind == "i", operator.lt) for kind in "iu"},
    **{f"s_max_{kind}32": _least(kind == "i", operator.gt) for kind in "iu"},
    **{f"s_cmp_{name}_{kind}32": _comparison(compare, kind == "i") for name, compare in _ORDER.items() for kind in "iu"},
    **{f"s_cmpk_{name}_{kind}32": _comparison(compare, kind == "i") for name, compare in _ORDER.items() for kind in "iu"},
    **{f"s_cmp_{name}_u64": _comparison(_ORDER[name], False) for name in ("eq", "lg")},
}
READS_SCC = ("s_addc_u32", "s_subb_u32", "s_cselect_b32", "s_cselect_b64")


def _low24(value: int) -> int:
    return value & 0xFFFFFF


def _as_float(pattern: int) -> float:
    return c_float.from_buffer_copy(c_uint32(pattern)).value


def _as_pattern(value: float) -> int:
    """Rounded to fp32; what is too large becomes infinite."""
    return c_uint32.from_buffer_copy(c_float(value)).value


# Vector instructions on one lane's integers, as address and loop arithmetic uses them; carries are left out. The float ones make
# up LLVM's division of unsigned integers, whose result does not hang on the reciprocal's last bit.
VECTOR: dict[str, Callable[..., int]] = {
    "v_mov_b32": lambda a: a,
    "v_readfirstlane_b32": lambda a: a,
    "v_add_u32": operator.add,
    "v_sub_u32": operator.sub,
    "v_subrev_u32": lambda a, b: b - a,
    "v_mul_lo_u32": operator.mul,
    "v_mul_hi_u32": lambda a, b: a * b >> 32,
    "v_mul_u32_u24": lambda a, b: _low24(a) * _low24(b),
    "v_mad_u32_u24": lambda a, b, c: _low24(a) * _low24(b) + c,
    "v_lshlrev_b32": lambda a, b: b << (a & 31),
    "v_lshrrev_b32": lambda a, b: b >> (a & 31),
    "v_and_b32": operator.and_,
    "v_or_b32": operator.or_,
    "v_xor_b32": operator.xor,
    "v_min_u32": min,
    "v_max_u32": max,
    "v_bfe_u32": lambda a, b, c: a >> (b & 31) & (1 << (c & 31)) - 1,
    "v_cvt_f32_u32": lambda a: _as_pattern(float(a)),
    "v_rcp_iflag_f32": lambda a: _as_pattern(1 / (_as_float(a) or math.inf)),
    "v_mul_f32": lambda a, b: _as_pattern(_as_float(a) * _as_float(b)),
    "v_cvt_u32_f32": lambda a: int(max(0.0, min(_as_float(a), 4294967295.0))),
    "v_mbcnt_lo_u32_b32": lambda a, b: b,  # of the first lane: none below it
    "v_mbcnt_hi_u32_b32": lambda a, b: b,
}
SIGNS = {"eq": "eq", "ne": "lg", "gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}
VECTOR_COMPARE: dict[str, Compute] = {
    f"v_cmp_{name}_{kind}32": _comparison(_ORDER[sign], kind == "i") for name, sign in SIGNS.items() for kind in "iu"
}
