"""Branches, loops, subroutine calls, and the mode register."""

from __future__ import annotations

import numpy as np
import pytest

from . import operands
from .floats import Array
from .harness import Batch, Case
from .test_scalar import table


def branch(opcode: str, prepare: str) -> Case:
    """s40 is 1 where the branch is taken, else 2; slot 6 (s26) is 0 or 1."""
    label = f"L_{opcode}"
    code = f"""  s_mov_b32 s40, 1
{prepare}
  {opcode} {label}
  s_mov_b32 s40, 2
{label}:
  s_mov_b64 exec, -1"""
    return Case(opcode, code, lambda *s: np.where(_condition(opcode, s[6]), 1, 2).astype(np.uint32), covers=(opcode,))


def _condition(opcode: str, flag: Array) -> Array:
    if opcode == "s_branch":
        return np.ones(flag.shape, bool)
    return (flag == 0) if opcode in ("s_cbranch_scc0", "s_cbranch_vccz", "s_cbranch_execz") else (flag != 0)


def branches() -> list[Case]:
    wide = "  s_mov_b32 s30, 0\n  s_mov_b32 s31, s26\n"  # the flag in the upper half: all 64 bits must count
    return [
        branch("s_branch", ""),
        branch("s_cbranch_scc0", "  s_cmp_lg_u32 s26, 0"),
        branch("s_cbranch_scc1", "  s_cmp_lg_u32 s26, 0"),
        branch("s_cbranch_vccz", wide + "  s_mov_b64 vcc, s[30:31]"),
        branch("s_cbranch_vccnz", wide + "  s_mov_b64 vcc, s[30:31]"),
        branch("s_cbranch_execz", wide + "  s_mov_b64 exec, s[30:31]"),
        branch("s_cbranch_execnz", wide + "  s_mov_b64 exec, s[30:31]"),
    ]


def programs() -> list[Case]:
    """Small programs: loops, nested loops, calls through registers."""
    collatz = """  s_and_b32 s30, s20, 0xff
  s_or_b32 s30, s30, 1
  s_mov_b32 s40, 0
L_collatz:
  s_cmp_eq_u32 s30, 1
  s_cbranch_scc1 L_collatz_end
  s_add_i32 s40, s40, 1
  s_bitcmp1_b32 s30, 0
  s_cbranch_scc1 L_collatz_odd
  s_lshr_b32 s30, s30, 1
  s_branch L_collatz
L_collatz_odd:
  s_mul_i32 s30, s30, 3
  s_addk_i32 s30, 1
  s_branch L_collatz
L_collatz_end:"""
    call = """  s_mov_b32 s30, s20
  s_getpc_b64 s[32:33]
L_here:
  s_add_u32 s32, s32, L_callee-L_here
  s_addc_u32 s33, s33, 0
  s_swappc_b64 s[34:35], s[32:33]
  s_add_u32 s40, s30, 100
  s_branch L_call_end
L_callee:
  s_lshl_b32 s30, s30, 1
  s_setpc_b64 s[34:35]
L_call_end:"""
    nested = """  s_mov_b32 s40, 0
  s_and_b32 s30, s20, 7
L_outer:
  s_mov_b32 s31, 5
L_inner:
  s_add_u32 s40, s40, s30
  s_sub_u32 s31, s31, 1
  s_cmp_lg_u32 s31, 0
  s_cbranch_scc1 L_inner
  s_cmp_eq_u32 s30, 0
  s_cbranch_scc1 L_outer_end
  s_sub_u32 s30, s30, 1
  s_branch L_outer
L_outer_end:"""

    def steps(a: Array, *_: Array) -> Array:
        return np.array([_collatz(int(v) & 255 | 1) for v in a], np.uint32)

    def triangle(a: Array, *_: Array) -> Array:
        n = a & np.uint32(7)
        return np.uint32(5) * (n * (n + np.uint32(1)) // np.uint32(2))

    return [
        Case("collatz", collatz, steps),
        Case("nested-loops", nested, triangle),
        Case(
            "call", call, lambda a, *_: a * np.uint32(2) + np.uint32(100), covers=("s_getpc_b64", "s_swappc_b64", "s_setpc_b64")
        ),
    ]


def _collatz(n: int) -> int:
    count = 0
    while n != 1:
        n, count = (n * 3 + 1 if n & 1 else n // 2), count + 1
    return count


def time_cases() -> list[Case]:
    """Clocks never run backwards."""
    code = """  {0} s[30:31]
  s_waitcnt lgkmcnt(0)
  {0} s[32:33]
  s_waitcnt lgkmcnt(0)
  s_sub_u32 s40, s32, s30
  s_subb_u32 s41, s33, s31
  s_lshr_b32 s40, s41, 31"""
    names = ("s_memtime", "s_memrealtime")
    return [Case(n, code.format(n), lambda *s: np.zeros(s[0].shape, np.uint32), covers=(n,)) for n in names]


def mode_cases() -> list[Case]:
    """The mode register: the descriptor's denormal bits, changed and read back; and the index bits of m0."""
    read = "  s_getreg_b32 s40, hwreg(HW_REG_MODE, 4, 4)"
    change = """  s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 1
  s_getreg_b32 s40, hwreg(HW_REG_MODE, 4, 4)
  s_movk_i32 s30, 3
  s_setreg_b32 hwreg(HW_REG_MODE, 4, 2), s30
  s_getreg_b32 s41, hwreg(HW_REG_MODE, 4, 4)"""
    return [
        Case("s_getreg_b32", read, lambda *s: np.full(s[0].shape, 15, np.uint32), covers=("s_getreg_b32",)),
        Case(
            "s_set_gpr_idx_idx",
            "  s_movk_i32 m0, 0x1234\n  s_set_gpr_idx_idx s20\n  s_mov_b32 s40, m0",
            lambda a, *_: (a & np.uint32(0xFF)) | np.uint32(0x1200),
            covers=("s_set_gpr_idx_idx",),
        ),
        Case(
            "s_setreg",
            change,
            lambda *s: [np.full(s[0].shape, 13, np.uint32), np.full(s[0].shape, 15, np.uint32)],
            outputs=2,
            covers=("s_setreg_b32", "s_setreg_imm32_b32"),
        ),
    ]


def idle_cases() -> list[Case]:
    """Operations that change nothing that a program can see."""
    names = [
        "s_nop 0",
        "s_setprio 3",
        "s_setprio 0",
        "s_sleep 1",
        "s_dcache_inv",
        "s_icache_inv",
        "s_barrier",
        "s_waitcnt 0",
        "v_nop",
        "v_clrexcp",
    ]
    names += ["s_atc_probe 7, s[4:5], 0x0", "s_atc_probe_buffer 7, s[12:15], 0x0", "s_dcache_wb_vol", "s_ttracedata"]
    names += [
        "ds_nop",
        "buffer_wbinvl1",
        "buffer_wbinvl1_vol",
        "s_dcache_inv_vol",
        "s_dcache_wb",
        "s_incperflevel 1",
        "s_decperflevel 1",
    ]
    return [Case(n, f"  s_mov_b32 s40, s20\n  {n}", lambda a, *_: a, covers=(n.split()[0],)) for n in names]


BATCHES = [
    Batch(
        "control", branches() + programs() + time_cases() + mode_cases() + idle_cases(), table(operands.scalars32()), scalar=True
    )
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=c.name) for b in BATCHES for c in b.cases])
def test_control(batch: Batch, case: Case) -> None:
    batch.verify(case)
