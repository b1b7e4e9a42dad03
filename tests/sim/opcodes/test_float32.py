"""float32 arithmetic, bit for bit: denormals kept and flushed, IEEE mode on and off, the double rounding of v_mad, modifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from . import compare, operands
from .build import vector
from .floats import Array, clamp, exponent, flush, fused, keep, maximum, minimum
from .harness import Batch, Case, Mode

Change = Callable[[Array], Array]
F1, F2, F3 = "f32 -> f32", "f32 f32 -> f32", "f32 f32 f32 -> f32"
PER_TURN = np.uint32(0x3E22F983).view(np.float32)  # the inline constant 1 / (2 pi)


def legacy_product(a: Array, b: Array) -> Array:
    """v_mul_legacy: zero times anything is +0."""
    return np.where((a == 0) | (b == 0), np.float32(0), a * b)


def mad(a: Array, b: Array, c: Array) -> Array:
    """v_mad, v_mac: a rounded product, then a rounded sum. They flush denormals in every mode (LLVM's FMAD rules for GCN)."""
    return flush(flush(flush(a) * flush(b)) + flush(c))


def mad_legacy(a: Array, b: Array, c: Array) -> Array:
    return flush(flush(legacy_product(flush(a), flush(b))) + flush(c))


def med3(a: Array, b: Array, c: Array) -> Array:
    """The middle one: drop the largest, keep the larger of the others."""
    largest = maximum(maximum(a, b), c)
    middle = np.where(largest == a, maximum(b, c), np.where(largest == b, maximum(a, c), maximum(a, b)))
    return np.where(np.isnan(a) | np.isnan(b) | np.isnan(c), minimum(minimum(a, b), c), middle)


def fract(a: Array) -> Array:
    """Never 1: the manual limits it to the largest float below."""
    return np.minimum(a - np.floor(a), np.uint32(0x3F7FFFFF).view(np.float32))


def frexp_mantissa(a: Array) -> Array:
    return np.where(np.isfinite(a), np.frexp(a)[0], a)


def frexp_exponent(a: Array) -> Array:
    return np.where(np.isfinite(a), np.frexp(a)[1], 0).astype(np.int32)


def normal(*values: Array) -> Array:
    """None of the values is denormal."""
    return np.logical_and.reduce([(exponent(v) != 0) | (v == 0) for v in values])


def clear_of_tiny(a: Array, b: Array) -> Array:
    """The product does not round up to the smallest normal number, which may be flushed before or after that."""
    product, tiny = np.abs(a.astype(np.float64) * b.astype(np.float64)), 2.0**-126
    return ~((product >= tiny / 2) & (product < 4 * tiny))


def following_mode(change: Change) -> list[Case]:
    """Operations that obey the denormal mode; `change` is applied to operands and results."""

    def moded(function: Callable[..., Array]) -> Callable[..., Array]:
        return lambda *values: change(np.asarray(function(*(change(v) for v in values))))

    def legacy_care(a: Array, b: Array) -> Array:
        return normal(a, b, legacy_product(a, b)) & clear_of_tiny(a, b)  # LLVM and the manual leave its denormals open

    cases = [
        vector("v_add_f32", F2, moded(np.add)),
        vector("v_sub_f32", F2, moded(np.subtract)),
        vector("v_subrev_f32", F2, moded(lambda a, b: b - a)),
        vector("v_mul_f32", F2, moded(np.multiply)),
        vector("v_mul_legacy_f32", F2, moded(legacy_product), care=legacy_care),
        vector("v_fma_f32", F3, moded(fused)),
        vector("v_add_f32", F2, moded(lambda a, b: -a + np.abs(b)), label="neg-abs", code="v_add_f32 {d}, -{a}, |{b}|"),
        vector("v_mul_f32", F2, moded(lambda a, b: -np.abs(a) * -b), label="neg-of-abs", code="v_mul_f32 {d}, -|{a}|, -{b}"),
        vector(
            "v_fma_f32", F3, moded(lambda a, b, c: fused(a, -b, np.abs(c))), label="mods", code="v_fma_f32 {d}, {a}, -{b}, |{c}|"
        ),
        vector("v_add_f32", F2, moded(lambda a, b: clamp(a + b)), label="clamp", modifiers="clamp"),
        vector("v_fma_f32", F3, moded(lambda a, b, c: clamp(fused(a, b, c))), label="clamp", modifiers="clamp"),
        vector("v_mul_f32", F1, moded(lambda a: a * np.float32(0.5)), label="inline-half", code="v_mul_f32 {d}, 0.5, {a}"),
        vector("v_mul_f32", F1, moded(lambda a: a * np.float32(-4)), label="inline-minus-four", code="v_mul_f32 {d}, -4.0, {a}"),
        vector("v_mul_f32", F1, moded(lambda a: a * PER_TURN), label="inline-per-turn", code="v_mul_f32 {d}, 0.15915494, {a}"),
        vector("v_add_f32", F1, moded(lambda a: a + np.float32(1.7)), label="literal", code="v_add_f32 {d}, 0x3fd9999a, {a}"),
        vector(
            "v_mul_f32", F1, moded(lambda a: a * 3.25), label="sgpr", code="s_mov_b32 s20, 0x40500000\nv_mul_f32 {d}, s20, {a}"
        ),
        vector(
            "v_ldexp_f32",
            "f32 i32 -> f32",
            lambda a, n: change(np.ldexp(change(a), (n << 23) >> 23)),
            code="v_bfe_i32 v30, {b}, 0, 9\nv_ldexp_f32 {d}, {a}, v30",
        ),
        vector("v_ldexp_f32", "f32 i32 -> f32", lambda a, n: change(np.ldexp(change(a), np.clip(n, -999, 999))), label="far"),
    ]
    return cases if change is keep else [replace(case, check=compare.float32_flushed) for case in cases]


def any_mode() -> list[Case]:
    """Operations with the same result whatever the denormal mode: v_mad and v_mac always flush, v_min and v_max never do."""
    k = np.float32(1.7)
    return [
        vector("v_mad_f32", F3, mad),
        vector("v_mad_f32", F3, lambda a, b, c: mad(-a, np.abs(b), -c), label="mods", code="v_mad_f32 {d}, -{a}, |{b}|, -{c}"),
        vector("v_mad_f32", F3, lambda a, b, c: clamp(mad(a, b, c)), label="clamp", modifiers="clamp"),
        vector("v_mad_legacy_f32", F3, mad_legacy),
        vector("v_mac_f32", F3, mad, code="v_mov_b32 {d}, {c}\nv_mac_f32 {d}, {a}, {b}"),
        vector(
            "v_mac_f32", F3, lambda a, b, c: mad(-a, b, c), label="e64", code="v_mov_b32 {d}, {c}\nv_mac_f32_e64 {d}, -{a}, {b}"
        ),
        vector("v_madak_f32", F2, lambda a, b: mad(a, b, np.full_like(a, k)), code="v_madak_f32 {d}, {a}, {b}, 0x3fd9999a"),
        vector("v_madmk_f32", F2, lambda a, b: mad(a, np.full_like(a, k), b), code="v_madmk_f32 {d}, {a}, 0x3fd9999a, {b}"),
        vector("v_min_f32", F2, minimum),
        vector("v_max_f32", F2, maximum),
        vector("v_max_f32", F1, lambda a: maximum(a, np.zeros_like(a)), label="relu", code="v_max_f32 {d}, 0, {a}"),
        vector("v_min3_f32", F3, lambda a, b, c: minimum(minimum(a, b), c)),
        vector("v_max3_f32", F3, lambda a, b, c: maximum(maximum(a, b), c)),
        vector("v_med3_f32", F3, med3),
        vector("v_mov_b32", "u32 -> u32", lambda a: a),
        vector(
            "v_cndmask_b32",
            F2,
            lambda a, b: np.where(b > 1, b, a),
            code="v_cmp_lt_f32 vcc, 1.0, {b}\nv_cndmask_b32 {d}, {a}, {b}, vcc",
        ),
        vector(
            "v_cndmask_b32",
            F2,
            lambda a, b: np.where(b > 1, np.abs(b), -a),
            label="e64",
            code="v_cmp_lt_f32 s[20:21], 1.0, {b}\nv_cndmask_b32_e64 {d}, -{a}, |{b}|, s[20:21]",
        ),
    ]


def one_operand() -> list[Case]:
    """Exact one-operand functions, with denormals kept."""
    return [
        vector("v_trunc_f32", F1, np.trunc),
        vector("v_ceil_f32", F1, np.ceil),
        vector("v_rndne_f32", F1, np.rint),
        vector("v_floor_f32", F1, np.floor),
        vector("v_floor_f32", F1, lambda a: clamp(np.floor(-np.abs(a))), label="clamp", code="v_floor_f32_e64 {d}, -|{a}| clamp"),
        vector("v_fract_f32", F1, fract),
        vector("v_frexp_mant_f32", F1, frexp_mantissa),
        vector("v_frexp_exp_i32_f32", "f32 -> i32", frexp_exponent),
    ]


def modified() -> list[Case]:
    """Output modifiers: they act with IEEE mode off and denormals flushed, and then a result of -0 becomes +0."""

    def scaled(function: Callable[..., Array], factor: float) -> Callable[..., Array]:
        return lambda *values: flush(flush(function(*(flush(v) for v in values))) * np.float32(factor)) + np.float32(0)

    return [
        vector("v_add_f32", F2, scaled(np.add, 2), label="mul2", modifiers="mul:2"),
        vector("v_mul_f32", F2, scaled(np.multiply, 4), label="mul4", modifiers="mul:4", care=clear_of_tiny),
        vector("v_mul_f32", F2, scaled(np.multiply, 0.5), label="div2", modifiers="div:2", care=clear_of_tiny),
        vector("v_mad_f32", F3, scaled(mad, 2), label="mul2", modifiers="mul:2"),
        vector("v_add_f32", F2, lambda a, b: clamp(scaled(np.add, 4)(a, b)), label="mul4-clamp", modifiers="clamp mul:4"),
        vector("v_min_f32", F2, lambda a, b: minimum(a, b, ieee=False), label="dx"),
        vector("v_max_f32", F2, lambda a, b: maximum(a, b, ieee=False), label="dx"),
    ]


def unmodified() -> list[Case]:
    """Output modifiers are ignored where denormals are kept or IEEE mode is on; without DX10 clamp, NaN stays NaN."""
    return [
        vector("v_add_f32", F2, np.add, label="mul2", modifiers="mul:2"),
        vector("v_mul_f32", F2, np.multiply, label="div2", modifiers="div:2"),
        vector("v_add_f32", F2, lambda a, b: clamp(a + b, dx10=False), label="clamp", modifiers="clamp"),
    ]


OPERANDS = operands.float32()
BATCHES = [
    Batch("f32_denormals", following_mode(keep) + any_mode() + one_operand(), OPERANDS),
    Batch("f32_flush", following_mode(flush) + any_mode(), OPERANDS, mode=Mode(denorm32=0)),
    Batch("f32_modified", modified(), OPERANDS, mode=Mode(denorm32=0, ieee=0)),
    Batch("f32_unmodified", unmodified(), OPERANDS, mode=Mode(denorm32=3, ieee=1, dx10_clamp=0)),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_float32(batch: Batch, case: Case) -> None:
    batch.verify(case)
