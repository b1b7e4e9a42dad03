"""A kernel's basic blocks as the engine's operations: which unit each instruction needs, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from amdc.sim.isa.model import Instruction, Op
from amdc.sim.timing import machine as m
from amdc.sim.translate.blocks import Flow, is_control
from amdc.sim.translate.lds import LANE_EXCHANGES
from amdc.sim.translate.types import type_bytes

BURST = 8  # vector instructions that a wave runs before the others of its SIMD have a turn
NO_WAIT = 63
QUARTER_RATE_WORDS = ("v_exp_", "v_log_", "v_rcp_", "v_rsq_", "v_sqrt_", "v_sin_", "v_cos_", "v_div_", "v_mul_lo_", "v_mul_hi_")
QUARTER_RATE_NAMES = ("v_fma_f32", "v_mad_u64_u32", "v_mad_i64_i32")


class Kind(IntEnum):
    """As state.h numbers them."""

    VALU = 0
    SALU = 1
    SMEM = 2
    LOAD = 3
    STORE = 4
    ATOMIC = 5
    LDS = 6
    EXCHANGE = 7
    WAIT = 8
    BARRIER = 9
    BRANCH = 10
    END = 11


@dataclass(frozen=True)
class Operation:
    """One event of the engine: an instruction, or a run of vector or of scalar ones. `clocks`: how long its unit is busy (for
    global accesses at least; for LDS without bank conflicts). `vm`, `lgkm`: what s_waitcnt waits for."""

    kind: Kind
    instructions: tuple[Instruction, ...]
    clocks: int = 0
    vm: int = NO_WAIT
    lgkm: int = NO_WAIT


def vector_clocks(op: Op) -> int:
    """Clocks of one wave on a SIMD [CLRX]."""
    if "f64" in op.dst + op.src:
        if op.name.startswith(("v_mul_f64", "v_fma_f64", *QUARTER_RATE_WORDS[:7])):
            return m.DOUBLE_MULTIPLY
        return m.QUARTER_RATE if op.name.startswith("v_cvt") else m.DOUBLE_ADD
    if op.name.startswith(QUARTER_RATE_WORDS) or op.name in QUARTER_RATE_NAMES:
        return m.QUARTER_RATE
    return m.VALU_CLOCKS


def working_clocks(op: Op) -> int:
    """Clocks for which a vector instruction keeps all lanes' multipliers or adders at work, which is what costs power: 32-bit
    integer multiplication goes through them four times; doubles and transcendentals go through a few units of their own."""
    return m.QUARTER_RATE if op.name.startswith(("v_mul_lo_", "v_mul_hi_")) else m.VALU_CLOCKS


def operation(instruction: Instruction) -> Operation:
    """What one instruction asks of the compute unit."""
    op, this = instruction.op, (instruction,)
    word = op.meaning.split(" ")[0]
    if op.format in ("VOP1", "VOP2", "VOP3", "VOPC"):
        return Operation(Kind.VALU, this, vector_clocks(op))
    if op.format == "DS":
        if word in LANE_EXCHANGES:
            return Operation(Kind.EXCHANGE, this, m.EXCHANGE_CLOCKS)
        return Operation(Kind.SALU, this, m.ISSUE) if word == "nop" else Operation(Kind.LDS, this, lds_clocks(op))
    if op.format in ("FLAT", "MUBUF") and word != "cache":
        return _global(instruction, word)
    if op.format == "SMEM" and word in ("load", "store"):
        return Operation(Kind.SMEM, this)
    if word == "waitcnt":
        counts = int(instruction.modifiers["simm16"])
        vm, lgkm = counts & 15, counts >> 8 & 15
        return Operation(Kind.WAIT, this, m.ISSUE, vm if vm < 15 else NO_WAIT, lgkm if lgkm < 15 else NO_WAIT)
    if word == "nop":
        states = int(instruction.modifiers["simm16"]) + 1 if op.name == "s_nop" else 1
        return Operation(Kind.SALU, this, m.ISSUE * states)
    kinds = {"barrier": Kind.BARRIER, "end": Kind.END, "trap": Kind.END}
    if word in kinds:
        return Operation(kinds[word], this)
    return Operation(Kind.BRANCH if is_control(instruction) else Kind.SALU, this, m.BRANCH_NOT_TAKEN)


def lds_clocks(op: Op) -> int:
    """Clocks of a DS access without bank conflicts: 128 B a clock read, 64 written [CLRX]."""
    word, _, type = op.meaning.partition(" ")
    places = 2 if word.removesuffix("st64").endswith("2") else 1
    width = 128 if word.startswith("load") else 64
    return -(-64 * max(4, type_bytes(type.split(" ")[-1])) // width) * places


def _global(instruction: Instruction, word: str) -> Operation:
    type = instruction.op.meaning.split(" ")[-1 if word == "atomic" else 1]
    if word == "load":
        return Operation(Kind.LOAD, (instruction,), m.LOAD_CLOCKS[max(1, type_bytes(type) // 4)])
    return Operation(Kind.STORE if word == "store" else Kind.ATOMIC, (instruction,), m.STORE_CLOCKS)


def block_operations(instructions: tuple[Instruction, ...]) -> list[Operation]:
    """A basic block's operations; runs of vector and of scalar instructions are joined."""
    joined: list[Operation] = []
    for instruction in instructions:
        this = operation(instruction)
        last = joined[-1] if joined else None
        if last and this.kind == last.kind and this.kind in (Kind.VALU, Kind.SALU) and len(last.instructions) < BURST:
            joined[-1] = Operation(this.kind, last.instructions + this.instructions, last.clocks + this.clocks)
        else:
            joined.append(this)
    return joined


def kernel_operations(flow: Flow) -> list[list[Operation]]:
    """The operations of each basic block, in the order of their numbers in a trace."""
    return [block_operations(block.instructions) for block in flow.blocks.values()]
