"""How long one instruction of a wave of 64 occupies the unit that executes it, and how long its result takes, in clocks.

Sources: [CLRX] "GCN timings"; [GCN3] the ISA manual, LDS and cache widths. Latencies have no published source for Polaris: those
here are guesses of usual GCN size, marked so.
"""

from __future__ import annotations

import re

from amdc.sim.isa.model import Instruction

FULL, QUARTER, DOUBLE_ADD, DOUBLE_MULTIPLY = 4, 16, 32, 64  # [CLRX]
_QUARTER = re.compile(
    r"v_(mul_(lo|hi)_[iu]32|fma_f32|(exp|log|rcp|rcp_iflag|rsq|sqrt|sin|cos)_(legacy_)?f(16|32)|div_.*_f32"
    r"|cvt_.*f64.*|mad_u64_u32|mad_i64_i32)$"
)
_DOUBLE = re.compile(r"v_(add|max|min|ldexp|fract|trunc|ceil|rndne|floor|cmp.*)_f64$")
LDS_READ, LDS_WRITE = 128, 64  # bytes a clock [GCN3, CLRX]
LANES = 64
VMEM_CLOCKS = {4: 4, 8: 18, 12: 16, 16: 16}  # a coalesced load, by bytes a lane [CLRX]
STORE_CLOCKS = 16  # whatever the width [CLRX]
ISSUE = 4  # a wave issues at most once in 4 clocks [CLRX]
MEMORY_LATENCY, LDS_LATENCY, SCALAR_LATENCY = 350, 64, 200  # guesses


def valu_clocks(instruction: Instruction) -> int:
    """Of a VOP1, VOP2, VOP3 or VOPC instruction."""
    name = instruction.op.name
    if _QUARTER.match(name):
        return QUARTER
    if name.endswith("_f64"):
        return DOUBLE_ADD if _DOUBLE.match(name) else DOUBLE_MULTIPLY
    return FULL


def data_bytes(instruction: Instruction) -> int:
    """Bytes that one lane of a load, store or atomic moves; 0 for what moves none."""
    form, _, kind = instruction.op.meaning.partition(" ")
    if form.startswith(("load_format", "store_format")):
        return 4 * len(kind)
    bits = re.search(r"\d+$", kind)
    if bits is None or not form.startswith(("load", "store", "atomic", "exchange")):
        return 0
    pair = form.removesuffix("st64").endswith("2") and form.startswith(("store", "exchange"))
    pair = pair or form in ("load2", "load2st64")
    return int(bits[0]) // 8 * (2 if pair else 1)


def is_store(instruction: Instruction) -> bool:
    return instruction.op.meaning.startswith("store")


def lds_clocks(instruction: Instruction) -> float:
    """Of a DS instruction without bank conflicts. Lane exchanges pass through the read crossbar."""
    nbytes = data_bytes(instruction) or 4
    return nbytes * LANES / (LDS_READ if not instruction.op.meaning.startswith(("store", "atomic")) else LDS_WRITE)


def vmem_clocks(instruction: Instruction) -> float:
    """Of a coalesced vector memory instruction."""
    return STORE_CLOCKS if is_store(instruction) else VMEM_CLOCKS.get(data_bytes(instruction), 4)
