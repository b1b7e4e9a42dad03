"""Conversions between float32, float64, float16, integers and bytes: rounding, saturation, NaN."""

from __future__ import annotations

import numpy as np
import pytest

from . import operands
from .build import vector
from .floats import Array, bits, flush, to_half_toward_zero, to_integer
from .harness import Batch, Case, Mode

INT, UINT = (-(2**31), 2**31 - 1), (0, 2**32 - 1)


def to_i32(values: Array) -> Array:
    return to_integer(values, *INT).astype(np.int32)


def to_u32(values: Array) -> Array:
    return to_integer(values, *UINT).astype(np.uint32)


def plus_half_floor(a: Array) -> Array:
    """v_cvt_rpi_i32_f32: floor(a + 0.5)."""
    return to_i32(np.floor(a.astype(np.float64) + 0.5))


def exact_sum(a: Array) -> Array:
    """The manual does not say whether v_cvt_rpi rounds the sum."""
    return np.isnan(a) | (a.astype(np.float64) + 0.5 == a + np.float32(0.5)) | (np.abs(a) > 2.0**24)


def nibble_offset(a: Array) -> Array:
    """v_cvt_off_f32_i4: the signed low four bits over 16."""
    return (((a.view(np.int32) << 28) >> 28).astype(np.float32) / np.float32(16)).astype(np.float32)


def normalised(a: Array, scale: int, low: int) -> Array:
    """v_cvt_pknorm: round(a * scale) with a clamped to [low, 1]; NaN gives 0."""
    limited = np.clip(np.nan_to_num(a.astype(np.float64), nan=0.0, posinf=1.0, neginf=float(low)), low, 1)
    return np.rint(limited * scale).astype(np.int64).astype(np.uint32) & np.uint32(0xFFFF)


def put_byte(a: Array, position: Array, rest: Array) -> Array:
    """v_cvt_pk_u8_f32: a, rounded and saturated to a byte, into byte `position` of `rest`."""
    value = np.clip(np.nan_to_num(np.rint(a.astype(np.float64)), nan=0.0), 0, 255).astype(np.uint32)
    shift = (position & np.uint32(3)) * np.uint32(8)
    return (rest & ~(np.uint32(255) << shift)) | (value << shift)


def packed(low: Array, high: Array) -> Array:
    return bits(low) | (bits(high) << np.uint32(16))


def not_a_tie_of(scale: int):  # type: ignore[no-untyped-def]  # a care function
    """The manual does not say how v_cvt_pknorm rounds ties."""
    return lambda a, b: np.logical_and.reduce([np.abs(v.astype(np.float64) * scale) % 1 != 0.5 for v in (a, b)])


def from_float32() -> list[Case]:
    return [
        vector("v_cvt_i32_f32", "f32 -> i32", to_i32),
        vector("v_cvt_u32_f32", "f32 -> u32", to_u32),
        vector("v_cvt_u32_f32", "f32 -> u32", lambda a: to_u32(-np.abs(a)), label="mods", code="v_cvt_u32_f32_e64 {d}, -|{a}|"),
        vector("v_cvt_flr_i32_f32", "f32 -> i32", lambda a: to_i32(np.floor(a))),
        vector("v_cvt_rpi_i32_f32", "f32 -> i32", plus_half_floor, care=exact_sum),
        vector("v_cvt_f16_f32", "f32 -> f16", lambda a: a.astype(np.float16)),
        vector("v_cvt_f64_f32", "f32 -> f64", lambda a: a.astype(np.float64)),
        vector("v_cvt_pkrtz_f16_f32", "f32 f32 -> u32", _pack_toward_zero, care=lambda a, b: ~np.isnan(a) & ~np.isnan(b)),
        vector(
            "v_cvt_pknorm_i16_f32",
            "f32 f32 -> u32",
            lambda a, b: normalised(a, 32767, -1) | (normalised(b, 32767, -1) << np.uint32(16)),
            care=not_a_tie_of(32767),
        ),
        vector(
            "v_cvt_pknorm_u16_f32",
            "f32 f32 -> u32",
            lambda a, b: normalised(a, 65535, 0) | (normalised(b, 65535, 0) << np.uint32(16)),
            care=not_a_tie_of(65535),
        ),
        vector(
            "v_cvt_pkaccum_u8_f32",
            "f32 u32 u32 -> u32",
            put_byte,
            code="v_mov_b32 {d}, {c}\nv_cvt_pkaccum_u8_f32 {d}, {a}, {b}",
            care=lambda a, b, c: np.abs(np.nan_to_num(a)) % 1 != 0.5,
        ),
        vector(
            "v_cvt_pk_u8_f32",
            "f32 u32 u32 -> u32",
            put_byte,
            care=lambda a, b, c: np.abs(np.nan_to_num(a)) % 1 != 0.5,
        ),
    ]


def _pack_toward_zero(a: Array, b: Array) -> Array:
    return packed(to_half_toward_zero(a), to_half_toward_zero(b))


def from_integers() -> list[Case]:
    byte_cases = [
        vector(f"v_cvt_f32_ubyte{k}", "u32 -> f32", lambda a, k=k: ((a >> np.uint32(8 * k)) & np.uint32(255)).astype(np.float32))
        for k in range(4)
    ]
    return [
        *byte_cases,
        vector("v_cvt_f32_i32", "i32 -> f32", lambda a: a.astype(np.float32)),
        vector("v_cvt_f32_u32", "u32 -> f32", lambda a: a.astype(np.float32)),
        vector("v_cvt_f64_i32", "i32 -> f64", lambda a: a.astype(np.float64)),
        vector("v_cvt_f64_u32", "u32 -> f64", lambda a: a.astype(np.float64)),
        vector("v_cvt_off_f32_i4", "u32 -> f32", nibble_offset),
        vector("v_cvt_f32_f16", "f16 -> f32", lambda a: a.astype(np.float32)),
    ]


def from_float16() -> list[Case]:
    return [
        vector("v_cvt_f32_f16", "f16 -> f32", lambda a: a.astype(np.float32)),
        vector(
            "v_cvt_f32_f16",
            "f16 -> f32",
            lambda a: -np.abs(a.astype(np.float32)),
            label="mods",
            code="v_cvt_f32_f16_e64 {d}, -|{a}|",
        ),
        vector("v_cvt_u16_f16", "f16 -> u16", lambda a: to_integer(a, 0, 65535).astype(np.uint16)),
        vector("v_cvt_i16_f16", "f16 -> i16", lambda a: to_integer(a, -32768, 32767).astype(np.int16)),
        vector("v_cvt_f16_u16", "u16 -> f16", lambda a: a.astype(np.float16)),
        vector("v_cvt_f16_i16", "i16 -> f16", lambda a: a.astype(np.float16)),
    ]


def from_float64() -> list[Case]:
    return [
        vector("v_cvt_i32_f64", "f64 -> i32", to_i32),
        vector("v_cvt_u32_f64", "f64 -> u32", to_u32),
        vector("v_cvt_f32_f64", "f64 -> f32", lambda a: a.astype(np.float32)),
    ]


def flushed() -> list[Case]:
    return [
        vector("v_cvt_f32_f64", "f64 -> f32", lambda a: flush(a.astype(np.float32))),
        vector("v_cvt_f64_f32", "f32 -> f64", lambda a: flush(a).astype(np.float64)),
    ]


BATCHES = [
    Batch("convert_float32", from_float32(), operands.float32()),
    Batch("convert_integers", from_integers(), operands.integer32(2)),
    Batch("convert_float16", from_float16(), operands.float16(2)),
    Batch("convert_float64", from_float64(), operands.float64(2)),
    Batch("convert_flush", flushed(), np.concatenate([operands.float64(1)]), mode=Mode(denorm32=0)),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_conversion(batch: Batch, case: Case) -> None:
    batch.verify(case)
