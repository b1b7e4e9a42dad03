"""SDWA: byte and word selections of operands and results, sign extension, and what becomes of the result's other bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from . import compare, operands
from .floats import Array, bits, f16, f32
from .harness import Batch, Case

PARTS = {
    "BYTE_0": (0, 8),
    "BYTE_1": (8, 8),
    "BYTE_2": (16, 8),
    "BYTE_3": (24, 8),
    "WORD_0": (0, 16),
    "WORD_1": (16, 16),
    "DWORD": (0, 32),
}


def select(a: Array, part: str, sign_extended: bool = False) -> Array:
    """The selected bits, in the low end of a dword."""
    start, size = PARTS[part]
    field = (a.astype(np.int64) >> start) & ((1 << size) - 1)
    if sign_extended:
        field = (field << (64 - size)) >> (64 - size)
    return (field & 0xFFFFFFFF).astype(np.uint32)


def place(value: Array, old: Array, part: str, unused: str) -> Array:
    """The result register: `value` in the selected bits; the rest zero (PAD), sign bits above (SEXT), or as before (PRESERVE)."""
    start, size = PARTS[part]
    mask = ((1 << size) - 1) << start
    field = (value.astype(np.int64) << start) & mask
    if unused == "UNUSED_PRESERVE":
        return ((old.astype(np.int64) & ~mask & 0xFFFFFFFF) | field).astype(np.uint32)
    if unused == "UNUSED_SEXT":
        negative = (field >> (start + size - 1)) & 1 == 1
        field = np.where(negative, field | (-1 << (start + size)), field)
    return (field & 0xFFFFFFFF).astype(np.uint32)


def source_cases() -> list[Case]:
    cases = []
    for first, second in zip(PARTS, ["WORD_1", "BYTE_3", "DWORD", "BYTE_0", "BYTE_2", "WORD_0", "BYTE_1"], strict=True):
        for extend in (False, True):
            a, b = ("sext(v2)", "sext(v3)") if extend else ("v2", "v3")

            def expect(x: Array, y: Array, *_: Array, first: str = first, second: str = second, extend: bool = extend) -> Array:
                return select(x, first, extend) - select(y, second, extend)

            code = f"  v_sub_u32_sdwa v20, vcc, {a}, {b} dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:{first} src1_sel:{second}"
            name = f"v_sub_u32-{first}-{second}{'-sext' if extend else ''}"
            cases.append(Case(name, code, expect, covers=("v_sub_u32",)))
    return cases


def destination_cases() -> list[Case]:
    cases = []
    for part, unused in itertools.product(PARTS, ("UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE")):

        def expect(x: Array, y: Array, z: Array, part: str = part, unused: str = unused) -> Array:
            return place(select(x, "WORD_1") ^ y, z, part, unused)

        selections = f"dst_sel:{part} dst_unused:{unused} src0_sel:WORD_1 src1_sel:DWORD"
        code = f"  v_mov_b32 v20, v4\n  v_xor_b32_sdwa v20, v2, v3 {selections}"
        cases.append(Case(f"v_xor_b32-{part}-{unused}", code, expect, covers=("v_xor_b32",)))
    return cases


def mixed_cases() -> list[Case]:
    """One-operand forms, compares, carries and shifts as compilers emit them."""
    byte1 = "dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_1"
    return [
        Case(
            "v_cvt_f32_u32-byte",
            f"  v_cvt_f32_u32_sdwa v20, v2 {byte1}",
            lambda a, b, c: bits(select(a, "BYTE_1").astype(np.float32)),
            covers=("v_cvt_f32_u32",),
        ),
        Case(
            "v_cvt_f32_i32-sext",
            f"  v_cvt_f32_i32_sdwa v20, sext(v2) {byte1}",
            lambda a, b, c: bits(select(a, "BYTE_1", True).view(np.int32).astype(np.float32)),
            covers=("v_cvt_f32_i32",),
        ),
        Case(
            "v_mov_b32-word",
            "  v_mov_b32 v20, v3\n  v_mov_b32_sdwa v20, v2 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:WORD_0",
            lambda a, b, c: place(a, b, "WORD_1", "UNUSED_PRESERVE"),
            covers=("v_mov_b32",),
        ),
        Case(
            "v_lshlrev_b32-byte",
            "  v_lshlrev_b32_sdwa v20, v2, v3 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_0 src1_sel:WORD_1",
            lambda a, b, c: select(b, "WORD_1") << (select(a, "BYTE_0") & np.uint32(31)),
            covers=("v_lshlrev_b32",),
        ),
        Case(
            "v_cmp_lt_i32-bytes",
            "  v_cmp_lt_i32_sdwa vcc, sext(v2), sext(v3) src0_sel:BYTE_2 src1_sel:WORD_0\n  v_cndmask_b32 v20, 0, 1, vcc",
            lambda a, b, c: (select(a, "BYTE_2", True).view(np.int32) < select(b, "WORD_0", True).view(np.int32)).astype(
                np.uint32
            ),
            covers=("v_cmp_lt_i32",),
        ),
        Case(
            "v_addc_u32-word",
            """  v_cmp_gt_u32 vcc, v3, v4
  v_addc_u32_sdwa v20, vcc, v2, v3, vcc dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_0 src1_sel:WORD_1""",
            lambda a, b, c: select(a, "WORD_0") + select(b, "WORD_1") + (b > c).astype(np.uint32),
            covers=("v_addc_u32",),
        ),
        Case(
            "v_add_u16-high",
            """  v_mov_b32 v20, v4
  v_add_u16_sdwa v20, v2, v3 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:WORD_1 src1_sel:WORD_1""",
            lambda a, b, c: place(select(a, "WORD_1") + select(b, "WORD_1"), c, "WORD_1", "UNUSED_PRESERVE"),
            covers=("v_add_u16",),
        ),
    ]


def float_cases() -> list[Case]:
    """Half precision in the upper words, and float32 with modifiers."""

    def high_product(a: Array, b: Array, c: Array) -> Array:
        return bits(f16(a >> np.uint32(16)) * f16(b)) << np.uint32(16)

    def check_high(got: list[Array], expected: list[Array]) -> Array:
        shifted = [[x[0] >> np.uint32(16)] for x in (got, expected)]
        return compare.float16(*shifted) & ((got[0] & np.uint32(0xFFFF)) == 0)

    return [
        Case(
            "v_mul_f16-high",
            "  v_mul_f16_sdwa v20, v2, v3 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:WORD_1 src1_sel:WORD_0",
            high_product,
            check=check_high,
            covers=("v_mul_f16",),
        ),
        Case(
            "v_cvt_f32_f16-high",
            "  v_cvt_f32_f16_sdwa v20, -v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1",
            lambda a, b, c: bits(-f16(a >> np.uint32(16)).astype(np.float32)),
            check=compare.float32,
            covers=("v_cvt_f32_f16",),
        ),
        Case(
            "v_mul_f32-mods",
            "  v_mul_f32_sdwa v20, |v2|, -v3 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:DWORD src1_sel:DWORD",
            lambda a, b, c: bits(np.abs(f32(a)) * -f32(b)),
            check=compare.float32,
            covers=("v_mul_f32",),
        ),
    ]


BATCHES = [
    Batch("sdwa_integer", source_cases() + destination_cases() + mixed_cases(), operands.integer32()),
    Batch("sdwa_float", float_cases(), operands.float16()),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_sdwa(batch: Batch, case: Case) -> None:
    batch.verify(case)
