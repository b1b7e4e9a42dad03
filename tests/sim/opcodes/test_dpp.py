"""DPP: every control, the row and bank masks, bound_ctrl, and sources in lanes that EXEC switches off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .floats import Array, bits, f32
from .harness import Batch, Case
from .test_lanes import SOME, active, set_exec

LANE = np.arange(64)
ROW, IN_ROW = LANE // 16, LANE % 16
INVALID = -1


def shifted(amount: int) -> Array:
    """The source lane `amount` further on in the same row."""
    source = IN_ROW + amount
    return np.where((source >= 0) & (source < 16), LANE + amount, INVALID)


def sources() -> dict[str, Array]:
    """For every control: the lane that each lane reads, or INVALID."""
    table = {
        f"quad_perm:[{','.join(map(str, p))}]": LANE // 4 * 4 + np.array(p)[LANE % 4]
        for p in ((0, 0, 0, 0), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1), (0, 3, 3, 1))
    }
    for n in (1, 2, 3, 4, 7, 8, 12, 15):
        table[f"row_shl:{n}"] = shifted(n)
        table[f"row_shr:{n}"] = shifted(-n)
        table[f"row_ror:{n}"] = ROW * 16 + (IN_ROW - n) % 16
    table["wave_shl:1"] = np.where(LANE < 63, LANE + 1, INVALID)
    table["wave_rol:1"] = (LANE + 1) % 64
    table["wave_shr:1"] = np.where(LANE > 0, LANE - 1, INVALID)
    table["wave_ror:1"] = (LANE - 1) % 64
    table["row_mirror"] = ROW * 16 + 15 - IN_ROW
    table["row_half_mirror"] = LANE // 8 * 8 + 7 - LANE % 8
    return table


def allowed(row_mask: int, bank_mask: int) -> Array:
    """Lanes whose row and bank (four lanes of a row) the masks let write."""
    return ((row_mask >> ROW) & 1 & (bank_mask >> (IN_ROW // 4)) & 1).astype(bool)


def moved(
    source: Array, row_mask: int = 15, bank_mask: int = 15, zero: bool = False, exec_mask: int = (1 << 64) - 1
) -> Callable[..., Array]:
    """The oracle of v_mov_b32_dpp v20, v2 where v20 held slot 1."""
    on = active(64, exec_mask)
    valid = (source >= 0) & on[source]

    def expect(a: Array, b: Array, *_: Array) -> Array:
        values, old = a.reshape(-1, 64), b.reshape(-1, 64)
        fetched = np.where(valid, values[:, source], 0)
        writes = on & allowed(row_mask, bank_mask) & (valid | zero)
        return np.where(writes, fetched, old).reshape(-1).astype(np.uint32)

    return expect


def move(label: str, control: str, expect: Callable[..., Array], exec_mask: int | None = None) -> Case:
    masked = set_exec(exec_mask) if exec_mask is not None else ""
    return Case(
        label, f"  v_mov_b32 v20, v3\n{masked}  s_nop 4\n  v_mov_b32_dpp v20, v2 {control}", expect, covers=("v_mov_b32",)
    )


def control_cases() -> list[Case]:
    cases = []
    for control, source in sources().items():
        cases.append(move(control, f"{control} row_mask:0xf bank_mask:0xf", moved(source)))
        if INVALID in source:
            text = f"{control} row_mask:0xf bank_mask:0xf bound_ctrl:0"
            cases.append(move(f"{control}-bound_ctrl", text, moved(source, zero=True)))
    return cases


def mask_cases() -> list[Case]:
    table, cases = sources(), []
    for control, row_mask, bank_mask in (
        ("row_shr:1", 0xA, 0xF),
        ("row_shl:4", 0xF, 0x5),
        ("row_mirror", 0x6, 0x9),
        ("wave_ror:1", 0x1, 0xC),
    ):
        text = f"{control} row_mask:{row_mask:#x} bank_mask:{bank_mask:#x}"
        cases.append(move(f"{control}-masks", text, moved(table[control], row_mask, bank_mask)))
        expect = moved(table[control], row_mask, bank_mask, zero=True)
        cases.append(move(f"{control}-masks-bound_ctrl", f"{text} bound_ctrl:0", expect))
    for control in ("row_shr:1", "row_ror:5", "quad_perm:[1,0,3,2]"):
        source = table.get(control, ROW * 16 + (IN_ROW - 5) % 16)
        text = f"{control} row_mask:0xf bank_mask:0xf"
        cases.append(move(f"{control}-exec", text, moved(source, exec_mask=SOME), SOME))
        expect = moved(source, zero=True, exec_mask=SOME)
        cases.append(move(f"{control}-exec-bound_ctrl", f"{text} bound_ctrl:0", expect, SOME))
    # The broadcasts, with the row masks that compilers use: rows below the source have nothing to read.
    cases.append(move("row_bcast:15", "row_bcast:15 row_mask:0xa bank_mask:0xf", moved(ROW * 16 - 1, row_mask=0xA)))
    cases.append(move("row_bcast:31", "row_bcast:31 row_mask:0xc bank_mask:0xf", moved(np.full(64, 31), row_mask=0xC)))
    return cases


def fetched(a: Array, source: Array) -> Array:
    return a.reshape(-1, 64)[:, source].reshape(-1)


def operation_cases() -> list[Case]:
    """DPP on arithmetic: the first operand moves, the second does not; float modifiers act after the move."""
    mirror, xor1 = ROW * 16 + 15 - IN_ROW, LANE ^ 1
    add_float = "  v_add_f32_dpp v20, -v2, |v3| row_mirror row_mask:0xf bank_mask:0xf"
    quad = "quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf"

    def sum_expected(a: Array, b: Array, c: Array) -> Array:
        left, right = f32(fetched(a, mirror)), f32(b)
        clean = np.where(np.isnan(left) | np.isnan(right), np.float32(np.nan), -left + np.abs(right))
        return bits(clean.astype(np.float32))

    def nan_tolerant(got: list[Array], expected: list[Array]) -> Array:
        return (got[0] == expected[0]) | (np.isnan(f32(got[0])) & np.isnan(f32(expected[0])))

    return [
        Case(
            "v_add_u32_dpp",
            f"  v_add_u32_dpp v20, vcc, v2, v3 {quad}",
            lambda a, b, c: fetched(a, xor1) + b,
            covers=("v_add_u32",),
        ),
        Case(
            "v_max_u32_dpp",
            f"  v_max_u32_dpp v20, v2, v3 {quad}",
            lambda a, b, c: np.maximum(fetched(a, xor1), b),
            covers=("v_max_u32",),
        ),
        Case("v_add_f32_dpp-mods", add_float, sum_expected, check=nan_tolerant, covers=("v_add_f32",)),
        Case("v_not_b32_dpp", f"  v_not_b32_dpp v20, v2 {quad}", lambda a, b, c: ~fetched(a, xor1), covers=("v_not_b32",)),
        Case(
            "v_cndmask_b32_dpp",
            f"  v_cmp_lt_u32 vcc, v3, v4\n  v_cndmask_b32_dpp v20, v2, v3, vcc {quad}",
            lambda a, b, c: np.where(b < c, b, fetched(a, xor1)),
            covers=("v_cndmask_b32",),
        ),
    ]


BATCHES = [
    Batch("dpp_controls", control_cases(), operands.integer32()[:, :512]),
    Batch("dpp_masks", mask_cases(), operands.integer32()[:, :512]),
    Batch("dpp_operations", operation_cases(), operands.float32()),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_dpp(batch: Batch, case: Case) -> None:
    batch.verify(case)
