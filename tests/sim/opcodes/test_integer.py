"""32-bit integer, bit-field and byte operations, and the 64-bit shifts and multiply-adds of the vector unit."""

from __future__ import annotations

import numpy as np
import pytest

from . import operands
from .build import vector
from .floats import Array, pair, u64
from .harness import Batch, Case

U1, U2, U3 = "u32 -> u32", "u32 u32 -> u32", "u32 u32 u32 -> u32"
I2, I3 = "i32 i32 -> i32", "i32 i32 i32 -> i32"


def wide(a: Array) -> Array:
    return a.astype(np.int64)


def low24(a: Array) -> Array:
    """The low 24 bits, signed."""
    return (wide(a) << 40) >> 40


def ulow24(a: Array) -> Array:
    return wide(a) & 0xFFFFFF


def word(a: Array) -> Array:
    """The low 32 bits of 64-bit integers."""
    return (a & 0xFFFFFFFF).astype(np.uint32)


def shift_amount(a: Array) -> Array:
    return a & a.dtype.type(31)


def bit_field(a: Array, offset: Array, size: Array) -> Array:
    return (a >> shift_amount(offset)) & ((np.uint32(1) << shift_amount(size)) - np.uint32(1))


def signed_field(a: Array, offset: Array, size: Array) -> Array:
    """v_bfe_i32: the field's top bit fills the upper ones; a field that reaches beyond bit 31 sees the sign there."""
    size = wide(shift_amount(size))
    field = (wide(a) >> shift_amount(offset)) & ((1 << size) - 1)
    negative = (size > 0) & ((field >> np.maximum(size - 1, 0)) & 1 == 1)
    return np.where(negative, field - (1 << size), field).astype(np.int32)


def leading_zeros(a: Array) -> Array:
    """v_ffbh_u32: zeros above the highest one; -1 if there is none."""
    counts = np.array([32 - int(v).bit_length() for v in a.tolist()])
    return np.where(a == 0, -1, counts).astype(np.int32)


def leading_signs(a: Array) -> Array:
    """v_ffbh_i32: the first bit, from the top, that differs from the sign; -1 if there is none."""
    return leading_zeros(np.where(a < 0, ~a, a).astype(np.int32).view(np.uint32))


def trailing_zeros(a: Array) -> Array:
    lowest = a & (~a + np.uint32(1))
    return np.where(a == 0, -1, 31 - leading_zeros(lowest)).astype(np.int32)


def reversed_bits(a: Array) -> Array:
    return np.array([int(f"{v:032b}"[::-1], 2) for v in a.tolist()], np.uint32)


def popcount(a: Array) -> Array:
    return np.bitwise_count(a).astype(np.uint32)


def bytes_of(a: Array, count: int = 4) -> list[Array]:
    return [(a >> a.dtype.type(8 * k)) & a.dtype.type(255) for k in range(count)]


def sad8(a: Array, b: Array, start: Array, masked: bool = False) -> Array:
    """Sum of absolute differences of four bytes; masked: bytes where b is zero do not count."""
    total = wide(start)
    for x, y in zip(bytes_of(a), bytes_of(b), strict=True):
        total = total + np.where(masked & (y == 0), 0, abs(wide(x) - wide(y)))
    return word(total)


def sad16(a: Array, b: Array, c: Array) -> Array:
    return word(abs(wide(a & 0xFFFF) - wide(b & 0xFFFF)) + abs(wide(a >> 16) - wide(b >> 16)) + wide(c))


def lerp8(a: Array, b: Array, c: Array) -> Array:
    parts = [(x + y + (z & 1)) >> 1 for x, y, z in zip(bytes_of(a), bytes_of(b), bytes_of(c), strict=True)]
    return np.bitwise_or.reduce([(p & np.uint32(255)) << np.uint32(8 * k) for k, p in enumerate(parts)])


def permute(a: Array, b: Array, selector: Array) -> Array:
    """v_perm_b32: selectors 0-7 pick bytes of {a, b}, 8-11 the signs of its 16-bit halves, 12 gives 0x00, above 0xff."""
    both = u64(b, a)
    result = np.zeros_like(a)
    for k, choice in enumerate(bytes_of(selector)):
        picked = (both >> (np.uint64(8) * np.minimum(choice, 7).astype(np.uint64))) & np.uint64(255)
        sign_at = np.uint64(16) * (np.clip(choice, 8, 11).astype(np.uint64) - np.uint64(8)) + np.uint64(15)
        sign = ((both >> sign_at) & np.uint64(1)) * np.uint64(255)
        value = np.select([choice < 8, choice < 12, choice == 12], [picked, sign, np.uint64(0)], np.uint64(255))
        result |= value.astype(np.uint32) << np.uint32(8 * k)
    return result


def lanes_below(values: Array, half: int) -> Array:
    """v_mbcnt_lo/hi's mask for every lane: the bits of lower lanes in this half of the wave."""
    lane = np.arange(len(values)) % 64
    below = np.clip(lane - 32 * half, 0, 32).astype(np.uint64)
    return ((np.uint64(1) << below) - np.uint64(1)).astype(np.uint32)


def bitwise() -> list[Case]:
    return [
        vector("v_and_b32", U2, lambda a, b: a & b),
        vector("v_or_b32", U2, lambda a, b: a | b),
        vector("v_xor_b32", U2, lambda a, b: a ^ b),
        vector("v_not_b32", U1, lambda a: ~a),
        vector("v_bfrev_b32", U1, reversed_bits),
        vector("v_lshlrev_b32", U2, lambda n, a: a << shift_amount(n)),
        vector("v_lshrrev_b32", U2, lambda n, a: a >> shift_amount(n)),
        vector("v_ashrrev_i32", I2, lambda n, a: a >> shift_amount(n)),
        vector("v_ffbh_u32", "u32 -> i32", leading_zeros),
        vector("v_ffbh_i32", "i32 -> i32", leading_signs),
        vector("v_ffbl_b32", "u32 -> i32", trailing_zeros),
        vector("v_bfe_u32", U3, bit_field),
        vector("v_bfe_i32", I3, signed_field),
        vector("v_bfi_b32", U3, lambda a, b, c: (a & b) | (~a & c)),
        vector("v_bfm_b32", U2, lambda a, b: ((np.uint32(1) << shift_amount(a)) - np.uint32(1)) << shift_amount(b)),
        vector("v_bcnt_u32_b32", U2, lambda a, b: popcount(a) + b),
        vector("v_mbcnt_lo_u32_b32", U2, lambda a, b: popcount(a & lanes_below(a, 0)) + b),
        vector("v_mbcnt_hi_u32_b32", U2, lambda a, b: popcount(a & lanes_below(a, 1)) + b),
        vector("v_alignbit_b32", U3, lambda a, b, c: word(u64(b, a) >> (c & 31).astype(np.uint64))),
        vector("v_alignbyte_b32", U3, lambda a, b, c: word(u64(b, a) >> (np.uint64(8) * (c & 3).astype(np.uint64)))),
        vector("v_perm_b32", U3, permute),
        vector(
            "v_perm_b32",
            U3,
            lambda a, b, c: permute(a, b, c & np.uint32(0x0F0F0F0F)),
            label="low",
            code="v_and_b32 v30, 0x0f0f0f0f, {c}\nv_perm_b32 {d}, {a}, {b}, v30",
        ),
    ]


def arithmetic() -> list[Case]:
    return [
        vector("v_mul_i32_i24", I2, lambda a, b: word(low24(a) * low24(b))),
        vector("v_mul_hi_i32_i24", I2, lambda a, b: word((low24(a) * low24(b)) >> 32)),
        vector("v_mul_u32_u24", U2, lambda a, b: word(ulow24(a) * ulow24(b))),
        vector("v_mul_hi_u32_u24", U2, lambda a, b: word((ulow24(a) * ulow24(b)) >> 32)),
        vector("v_mad_i32_i24", I3, lambda a, b, c: word(low24(a) * low24(b) + wide(c))),
        vector("v_mad_u32_u24", U3, lambda a, b, c: word(ulow24(a) * ulow24(b) + wide(c))),
        vector("v_mul_lo_u32", U2, lambda a, b: a * b),
        vector("v_mul_hi_u32", U2, lambda a, b: ((a.astype(np.uint64) * b.astype(np.uint64)) >> np.uint64(32)).astype(np.uint32)),
        vector("v_mul_hi_i32", I2, lambda a, b: word((wide(a) * wide(b)) >> 32)),
        vector("v_min_i32", I2, np.minimum),
        vector("v_max_i32", I2, np.maximum),
        vector("v_min_u32", U2, np.minimum),
        vector("v_max_u32", U2, np.maximum),
        vector("v_min3_i32", I3, lambda a, b, c: np.minimum(np.minimum(a, b), c)),
        vector("v_max3_i32", I3, lambda a, b, c: np.maximum(np.maximum(a, b), c)),
        vector("v_med3_i32", I3, lambda *v: np.sort(np.stack(v), axis=0)[1]),
        vector("v_min3_u32", U3, lambda a, b, c: np.minimum(np.minimum(a, b), c)),
        vector("v_max3_u32", U3, lambda a, b, c: np.maximum(np.maximum(a, b), c)),
        vector("v_med3_u32", U3, lambda *v: np.sort(np.stack(v), axis=0)[1]),
        vector("v_sad_u8", U3, sad8),
        vector("v_msad_u8", U3, lambda a, b, c: sad8(a, b, c, masked=True)),
        vector("v_sad_hi_u8", U3, lambda a, b, c: (sad8(a, b, np.zeros_like(c)) << np.uint32(16)) + c),
        vector("v_sad_u16", U3, sad16),
        vector("v_sad_u32", U3, lambda a, b, c: word(abs(wide(a) - wide(b)) + wide(c))),
        vector("v_lerp_u8", U3, lerp8),
        vector("v_cvt_pk_u16_u32", U2, lambda a, b: np.minimum(a, 0xFFFF) | (np.minimum(b, np.uint32(0xFFFF)) << np.uint32(16))),
        vector(
            "v_cvt_pk_i16_i32",
            I2,
            lambda a, b: (np.clip(a, -32768, 32767) & 0xFFFF) | (np.clip(b, -32768, 32767) << 16),
        ),
        vector(
            "v_add_u32", U1, lambda a: a + np.uint32(0xFFFFFFF0), label="inline-minus-16", code="v_add_u32 {d}, vcc, -16, {a}"
        ),
        vector("v_add_u32", U1, lambda a: a + np.uint32(64), label="inline-64", code="v_add_u32 {d}, vcc, 64, {a}"),
    ]


def quad_sad(code: str, masked: bool) -> Case:
    """Four sums of 16 bits over a sliding window of eight bytes (operand slots 0-1) against slot 2."""

    def expect(low: Array, high: Array, reference: Array, *_: Array) -> list[Array]:
        window = u64(low, high)
        sums = [sad8(word(window >> np.uint64(8 * k)), reference, np.full_like(low, k + 1), masked) for k in range(4)]
        return [sums[0] | (sums[1] << np.uint32(16)), sums[2] | (sums[3] << np.uint32(16))]

    starts = "  v_mov_b32 v24, 0x20001\n  v_mov_b32 v25, 0x40003\n"
    return Case(code, f"{starts}  {code} v[20:21], v[2:3], v4, v[24:25]", expect, outputs=2, covers=(code,))


def with_64_bits() -> list[Case]:
    """Operand slots: two 64-bit values and their halves."""
    return [
        vector(
            "v_lshlrev_b64",
            "u32 u32 u64 -> u64",
            lambda n, _, a: a << (n & 63).astype(np.uint64),
            code="v_lshlrev_b64 {d}, {a}, {c}",
        ),
        vector(
            "v_lshrrev_b64",
            "u32 u32 u64 -> u64",
            lambda n, _, a: a >> (n & 63).astype(np.uint64),
            code="v_lshrrev_b64 {d}, {a}, {c}",
        ),
        vector(
            "v_ashrrev_i64",
            "u32 u32 i64 -> i64",
            lambda n, _, a: a >> (n & 63).astype(np.int64),
            code="v_ashrrev_i64 {d}, {a}, {c}",
        ),
        vector(
            "v_mad_u64_u32",
            "u32 u32 u64 -> u64",
            lambda a, b, c: a.astype(np.uint64) * b.astype(np.uint64) + c,
            code="v_mad_u64_u32 {d}, vcc, {a}, {b}, {c}",
        ),
        vector(
            "v_mad_i64_i32",
            "i32 i32 i64 -> i64",
            lambda a, b, c: wide(a) * wide(b) + c,
            code="v_mad_i64_i32 {d}, vcc, {a}, {b}, {c}",
        ),
        Case("v_mad_u64_u32-carry", _CARRY_OUT.format(op="v_mad_u64_u32"), _unsigned_carry, outputs=1, covers=("v_mad_u64_u32",)),
        quad_sad("v_qsad_pk_u16_u8", masked=False),
        quad_sad("v_mqsad_pk_u16_u8", masked=True),
    ]


_CARRY_OUT = "  {op} v[30:31], s[20:21], v2, v3, v[4:5]\n  v_cndmask_b32 v20, 0, 1, s[20:21]"


def _unsigned_carry(a: Array, b: Array, low: Array, high: Array) -> Array:
    product = a.astype(np.uint64) * b.astype(np.uint64)
    return (product + u64(low, high) < product).astype(np.uint32)


BATCHES = [
    Batch("integer_bits", bitwise(), operands.integer32()),
    Batch("integer_arithmetic", arithmetic(), operands.integer32()),
    Batch("integer_64", with_64_bits(), operands.integer64()),
]


def test_pair_is_little_endian() -> None:
    """The oracle's own convention: low dword first."""
    assert [int(x[0]) for x in pair(np.array([0x100000002], np.uint64))] == [2, 1]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_integer(batch: Batch, case: Case) -> None:
    batch.verify(case)
