"""v_exp, v_log, v_rcp, v_rsq, v_sqrt, v_sin, v_cos (approximate), the cube-map helpers, and the division sequence (exact)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import compare, operands
from .build import vector
from .floats import Array, exponent, flush, fused, quiet
from .harness import Batch, Case, Mode

F1, F2, F3 = "f32 -> f32", "f32 f32 -> f32", "f32 f32 f32 -> f32"
D2 = "f64 f64 -> f64"


def nearly(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: function(a.astype(np.float64)).astype(np.float32)


def close(opcode: str, function: Callable[[Array], Array], ulp: float = 1, absolute: float = 0.0) -> Case:
    """One ulp (the manual). Denormal operands and results are left out: the hardware flushes them or not, op by op."""

    def care(a: Array) -> Array:
        return _normal(a) & _normal(nearly(function)(a))

    return vector(opcode, F1, nearly(function), check=compare.within(ulp, np.float32, absolute), care=care)


def _normal(a: Array) -> Array:
    return (exponent(a) != 0) | (a == 0)


def turning(opcode: str, function: Callable[[Array], Array], beyond: float) -> Case:
    """Sine or cosine of 2 pi a; outside [-256, 256] the manual promises sin 0 and cos 1."""

    def turned(a: Array) -> Array:
        wide = a.astype(np.float64)
        inside = function(2 * np.pi * (wide - np.floor(wide)))
        return np.where(np.abs(wide) <= 256, inside, np.where(np.isfinite(wide), beyond, np.nan)).astype(np.float32)

    return vector(opcode, F1, turned, check=compare.within(2, np.float32, 2.0**-20), care=np.isfinite)


def cube(opcode: str, axes: Callable[[Array, Array, Array, Array], Array]) -> Case:
    """Cube-map helpers choose by the largest of |x|, |y|, |z|: z first, then y, then x."""

    def function(x: Array, y: Array, z: Array) -> Array:
        major = np.where((abs(z) >= abs(x)) & (abs(z) >= abs(y)), 2, np.where(abs(y) >= abs(x), 1, 0))
        return axes(major, x, y, z).astype(np.float32)

    care = lambda x, y, z: np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & _normal(x) & _normal(y) & _normal(z)  # noqa: E731
    return vector(opcode, F3, function, care=care)


def cube_cases() -> list[Case]:
    return [
        cube("v_cubeid_f32", lambda m, x, y, z: 2 * m + np.choose(m, [x < 0, y < 0, z < 0])),
        cube("v_cubema_f32", lambda m, x, y, z: np.choose(m, [x, y, z]) * np.float32(2)),
        cube("v_cubesc_f32", lambda m, x, y, z: np.choose(m, [np.where(x < 0, z, -z), x, np.where(z < 0, -x, x)])),
        cube("v_cubetc_f32", lambda m, x, y, z: np.choose(m, [-y, np.where(y < 0, -z, z), -y])),
    ]


def div_fixup(q: Array, d: Array, n: Array) -> Array:
    """v_div_fixup: the special cases of n / d, else |q| with the quotient's sign (only for quotients that need no limit)."""
    infinite, zero = q.dtype.type(np.inf), q.dtype.type(0)
    magnitude = np.where((d == 0) | np.isinf(n), infinite, np.where(np.isinf(d) | (n == 0), zero, np.abs(q)))
    result = np.where(np.signbit(d) ^ np.signbit(n), -magnitude, magnitude)
    invalid = ((d == 0) & (n == 0)) | (np.isinf(d) & np.isinf(n))
    result = np.where(invalid, q.dtype.type(np.nan), result)
    return np.where(np.isnan(n), quiet(n), np.where(np.isnan(d), quiet(d), result)).astype(q.dtype)


def moderate_quotient(limit: int, top: int) -> Callable[..., Array]:
    """The exponents of n and d differ by so little, and d is so ordinary, that v_div_fixup passes q through."""

    def care(q: Array, d: Array, n: Array) -> Array:
        special = ~np.isfinite(n) | ~np.isfinite(d) | (n == 0) | (d == 0)
        return special | (~np.isnan(q) & (exponent(n) - exponent(d) > -limit) & (exponent(d) > 0) & (exponent(n) > 0))

    return care


def div_scale(scaled: Array, d: Array, n: Array, big: int, shift: int, tiny: int) -> tuple[Array, Array]:
    """v_div_scale(scaled, d, n): the scaled value and the flag (which v_div_fmas undoes); as in the manual's later editions."""
    kind = scaled.dtype
    is_denominator, is_numerator = scaled == d, scaled == n
    up, down = np.ldexp(scaled, shift).astype(kind), np.ldexp(scaled, -shift).astype(kind)
    least = np.finfo(kind).tiny
    reciprocal, quotient = np.abs(1 / d.astype(np.longdouble)), np.abs(n.astype(np.longdouble) / d.astype(np.longdouble))
    conditions = [
        (n == 0) | (d == 0),
        exponent(n) - exponent(d) >= big,
        exponent(d) == 0,
        (reciprocal < least) & (quotient < least),
        reciprocal < least,
        quotient < least,
        exponent(n) <= tiny,
    ]
    values = [
        np.full_like(scaled, np.nan),
        np.where(is_denominator, up, scaled),
        up,
        np.where(is_denominator, up, scaled),
        down,
        np.where(is_numerator, up, scaled),
        up,
    ]
    flags = [False, True, False, True, False, True, False]
    shape = scaled.shape
    return np.select(conditions, values, scaled), np.select(conditions, [np.full(shape, f) for f in flags], np.zeros(shape, bool))


def scale_cases(kind: str, big: int, shift: int, tiny: int) -> list[Case]:
    """Only where the editions of the manual agree: no denormal among the operands, the quotient and the denominator's reciprocal.
    The rest is held by whole divisions."""
    signature = f"{kind} {kind} -> {kind}"

    def ordinary(n: Array, d: Array) -> Array:
        largest = 2 * exponent(np.ones(1, n.dtype))[0] - 2
        return np.isfinite(n) & (exponent(n) > 0) & (exponent(d) > 0) & (exponent(d) < largest) & (exponent(n / d) > 0)

    def value(which: str) -> Callable[[Array, Array], Array]:
        return lambda n, d: div_scale(d if which == "d" else n, d, n, big, shift, tiny)[0]

    def flag(n: Array, d: Array) -> Array:
        return div_scale(n, d, n, big, shift, tiny)[1].astype(np.uint32)

    op = f"v_div_scale_{kind}"
    return [
        vector(op, signature, value("d"), label="denominator", code=op + " {d}, vcc, {b}, {b}, {a}", care=ordinary),
        vector(op, signature, value("n"), label="numerator", code=op + " {d}, vcc, {a}, {b}, {a}", care=ordinary),
        vector(
            op,
            f"{kind} {kind} -> u32",
            flag,
            label="flag",
            code=op + " v[30:31], vcc, {a}, {b}, {a}\nv_cndmask_b32 {d}, 0, 1, vcc" if kind == "f64" else _FLAG32,
            care=ordinary,
        ),
    ]


_FLAG32 = "v_div_scale_f32 v30, vcc, {a}, {b}, {a}\nv_cndmask_b32 {d}, 0, 1, vcc"
# The sequence that LLVM emits for an IEEE float32 division a / b; its result must be the correctly rounded quotient.
_DIVIDE32 = """v_div_scale_f32 v30, s[20:21], {b}, {b}, {a}
v_div_scale_f32 v31, vcc, {a}, {b}, {a}
v_rcp_f32 v32, v30
{on}v_fma_f32 v33, -v30, v32, 1.0
v_fma_f32 v32, v33, v32, v32
v_mul_f32 v33, v31, v32
v_fma_f32 v34, -v30, v33, v31
v_fma_f32 v33, v34, v32, v33
v_fma_f32 v30, -v30, v33, v31
{off}v_div_fmas_f32 v30, v30, v32, v33
v_div_fixup_f32 {d}, v30, {b}, {a}"""
_DIVIDE64 = """v_div_scale_f64 v[30:31], s[20:21], {b}, {b}, {a}
v_rcp_f64 v[32:33], v[30:31]
v_fma_f64 v[34:35], -v[30:31], v[32:33], 1.0
v_fma_f64 v[32:33], v[32:33], v[34:35], v[32:33]
v_fma_f64 v[34:35], -v[30:31], v[32:33], 1.0
v_fma_f64 v[32:33], v[32:33], v[34:35], v[32:33]
v_div_scale_f64 v[34:35], vcc, {a}, {b}, {a}
v_mul_f64 v[36:37], v[34:35], v[32:33]
v_fma_f64 v[30:31], -v[30:31], v[36:37], v[34:35]
v_div_fmas_f64 v[30:31], v[30:31], v[32:33], v[36:37]
v_div_fixup_f64 {d}, v[30:31], {b}, {a}"""


def division32(toggle: bool) -> Case:
    """With denormals flushed, LLVM keeps them for the middle of the sequence, by s_setreg on the mode register."""
    on = "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3\n" if toggle else ""
    off = "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 0\n" if toggle else ""
    code = _DIVIDE32.replace("{on}", on).replace("{off}", off)
    if not toggle:
        return vector("v_div_fmas_f32", F2, lambda a, b: a / b, label="division", code=code)
    label, normal = "division-flush", lambda a, b: _normal(a) & _normal(b) & _normal(a / b)
    check = compare.float32_flushed
    return vector("v_div_fmas_f32", F2, lambda a, b: flush(a / b), label=label, code=code, care=normal, check=check)


def fmas_case() -> Case:
    """Without the flag v_div_fmas is an fma; the flag's scaling is held by the whole division."""
    code = "s_mov_b64 vcc, 0\nv_div_fmas_f32 {d}, {a}, {b}, {c}"
    return vector("v_div_fmas_f32", F3, fused, label="no-flag", code=code)


FIXUP_HALF = vector("v_div_fixup_f16", "f16 f16 f16 -> f16", div_fixup, care=moderate_quotient(14, 30))
BATCHES = [
    Batch(
        "transcendental",
        [
            close("v_rcp_f32", lambda a: 1 / a),
            close("v_rcp_iflag_f32", lambda a: 1 / a),
            close("v_rsq_f32", lambda a: 1 / np.sqrt(a)),
            close("v_sqrt_f32", np.sqrt),
            close("v_log_f32", np.log2, absolute=2.0**-22),
            close("v_log_legacy_f32", np.log2, absolute=2.0**-22),
            close("v_exp_f32", np.exp2),
            close("v_exp_legacy_f32", np.exp2),
            turning("v_sin_f32", np.sin, 0.0),
            turning("v_cos_f32", np.cos, 1.0),
            *cube_cases(),
            vector("v_div_fixup_f32", F3, div_fixup, care=moderate_quotient(126, 255)),
            fmas_case(),
            division32(toggle=False),
            *scale_cases("f32", 96, 64, 23),
        ],
        operands.float32(),
    ),
    Batch("division_flush", [division32(toggle=True)], operands.float32(2), mode=Mode(denorm32=0)),
    Batch("division_f16", [FIXUP_HALF], operands.float16()),
    Batch(
        "division_f64",
        [
            vector("v_div_fixup_f64", "f64 f64 f64 -> f64", div_fixup, care=moderate_quotient(1000, 2047)),
            vector("v_div_fmas_f64", D2, lambda a, b: a / b, label="division", code=_DIVIDE64),
            *scale_cases("f64", 768, 128, 53),
        ],
        operands.float64(),
    ),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_transcendental(batch: Batch, case: Case) -> None:
    batch.verify(case)
