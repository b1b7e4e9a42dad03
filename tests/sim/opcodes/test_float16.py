"""16-bit floats and integers: results are rounded once (v_mad: twice), and the upper half of the register becomes zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from . import compare, operands
from .build import vector
from .floats import Array, clamp, exponent, flush, fused, keep, maximum, minimum
from .harness import Batch, Case, Mode

H1, H2, H3 = "f16 -> f16", "f16 f16 -> f16", "f16 f16 f16 -> f16"
U2, U3, I2 = "u16 u16 -> u16", "u16 u16 u16 -> u16", "i16 i16 -> i16"
BELOW_ONE = np.uint16(0x3BFF).view(np.float16)


def following_mode(change: Callable[[Array], Array]) -> list[Case]:
    def moded(function: Callable[..., Array]) -> Callable[..., Array]:
        return lambda *values: change(np.asarray(function(*(change(v) for v in values)), np.float16))

    cases = [
        vector("v_add_f16", H2, moded(np.add)),
        vector("v_sub_f16", H2, moded(np.subtract)),
        vector("v_subrev_f16", H2, moded(lambda a, b: b - a)),
        vector("v_mul_f16", H2, moded(np.multiply)),
        vector("v_fma_f16", H3, moded(fused)),
        vector("v_mul_f16", H2, moded(lambda a, b: -np.abs(a) * b), label="mods", code="v_mul_f16_e64 {d}, -|{a}|, {b}"),
        vector("v_add_f16", H2, moded(lambda a, b: clamp(a + b)), label="clamp", modifiers="clamp"),
        vector("v_mul_f16", H1, moded(lambda a: a * np.float16(0.5)), label="inline-half", code="v_mul_f16 {d}, 0.5, {a}"),
        vector("v_ldexp_f16", "f16 i16 -> f16", lambda a, n: change(np.ldexp(change(a), n.astype(np.int32)))),
        vector(
            "v_ldexp_f16",
            "f16 i16 -> f16",
            lambda a, n: change(np.ldexp(change(a), ((n << 10) >> 10).astype(np.int32))),
            label="near",
            code="v_bfe_i32 v30, {b}, 0, 6\nv_ldexp_f16 {d}, {a}, v30",
        ),
    ]
    return cases if change is keep else [replace(case, check=compare.float16_flushed) for case in cases]


def mad(a: Array, b: Array, c: Array) -> Array:
    """v_mad_f16, v_mac_f16: a rounded product, then a rounded sum, denormals flushed."""
    return flush(flush(flush(a) * flush(b)) + flush(c))


def with_flush() -> list[Case]:
    k = np.float16(1.7)
    return [
        vector("v_mad_f16", H3, mad),
        vector("v_mac_f16", H3, mad, code="v_mov_b32 {d}, {c}\nv_mac_f16 {d}, {a}, {b}"),
        vector("v_madak_f16", H2, lambda a, b: mad(a, b, np.full_like(a, k)), code="v_madak_f16 {d}, {a}, {b}, 0x3ecd"),
        vector("v_madmk_f16", H2, lambda a, b: mad(a, np.full_like(a, k), b), code="v_madmk_f16 {d}, {a}, 0x3ecd, {b}"),
    ]


def exact() -> list[Case]:
    finite = np.isfinite
    return [
        vector("v_min_f16", H2, minimum),
        vector("v_max_f16", H2, maximum),
        vector("v_trunc_f16", H1, np.trunc),
        vector("v_ceil_f16", H1, np.ceil),
        vector("v_rndne_f16", H1, np.rint),
        vector("v_floor_f16", H1, np.floor),
        vector("v_fract_f16", H1, lambda a: np.minimum(a - np.floor(a), BELOW_ONE)),
        vector("v_frexp_mant_f16", H1, lambda a: np.where(finite(a), np.frexp(a)[0], a)),
        vector("v_frexp_exp_i16_f16", "f16 -> i16", lambda a: np.where(finite(a), np.frexp(a)[1], 0).astype(np.int16)),
    ]


def nearly(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: function(a.astype(np.float64)).astype(np.float16)


def transcendental() -> list[Case]:
    """One ulp. Arguments and results that are denormal are left out: the manual does not say whether they are flushed."""

    def close(opcode: str, function: Callable[[Array], Array], absolute: float = 0.0) -> Case:
        def care(a: Array) -> Array:
            return _normal(a) & _normal(nearly(function)(a))

        return vector(opcode, H1, nearly(function), check=compare.within(1, np.float16, absolute), care=care)

    return [
        close("v_rcp_f16", lambda a: 1 / a),
        close("v_rsq_f16", lambda a: 1 / np.sqrt(a)),
        close("v_sqrt_f16", np.sqrt),
        close("v_log_f16", np.log2),
        close("v_exp_f16", np.exp2),
        _turning("v_sin_f16", np.sin),
        _turning("v_cos_f16", np.cos),
    ]


def _turning(opcode: str, function: Callable[[Array], Array]) -> Case:
    """Sine or cosine of 2 pi a, for |a| <= 256."""

    def turned(a: Array) -> Array:
        wide = a.astype(np.float64)
        return function(2 * np.pi * (wide - np.floor(wide))).astype(np.float16)

    return vector(opcode, H1, turned, check=compare.within(1, np.float16, 2.0**-10), care=lambda a: np.abs(a) <= 256)


def _normal(a: Array) -> Array:
    return (exponent(a) != 0) | (a == 0)


def integers() -> list[Case]:
    return [
        vector("v_add_u16", U2, lambda a, b: a + b),
        vector("v_sub_u16", U2, lambda a, b: a - b),
        vector("v_subrev_u16", U2, lambda a, b: b - a),
        vector("v_mul_lo_u16", U2, lambda a, b: a * b),
        vector(
            "v_add_u16", U2, lambda a, b: _saturated(a.astype(int) + b), label="clamp", code="v_add_u16_e64 {d}, {a}, {b} clamp"
        ),
        vector(
            "v_sub_u16", U2, lambda a, b: _saturated(a.astype(int) - b), label="clamp", code="v_sub_u16_e64 {d}, {a}, {b} clamp"
        ),
        vector("v_lshlrev_b16", U2, lambda n, a: a << (n & np.uint16(15))),
        vector("v_lshrrev_b16", U2, lambda n, a: a >> (n & np.uint16(15))),
        vector("v_ashrrev_i16", I2, lambda n, a: a >> (n & np.int16(15))),
        vector("v_max_u16", U2, np.maximum),
        vector("v_min_u16", U2, np.minimum),
        vector("v_max_i16", I2, np.maximum),
        vector("v_min_i16", I2, np.minimum),
        vector("v_mad_u16", U3, lambda a, b, c: a * b + c),
        vector("v_mad_i16", "i16 i16 i16 -> i16", lambda a, b, c: a * b + c),
    ]


def _saturated(a: Array) -> Array:
    return np.clip(a, 0, 65535).astype(np.uint16)


OPERANDS = operands.float16()
BATCHES = [
    Batch("f16_denormals", following_mode(keep) + exact() + transcendental(), OPERANDS),
    Batch("f16_flush", following_mode(flush) + with_flush(), OPERANDS, mode=Mode(denorm64=0)),
    Batch("i16", integers(), OPERANDS),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_float16(batch: Batch, case: Case) -> None:
    batch.verify(case)
