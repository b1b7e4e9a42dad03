"""The keyword forms that stand as meanings of memory, control and cross-lane operations. A row without a meaning is decoded and
printed, but not simulated: running it is an error that names it.

Types in memory forms: u8 i8 u16 i16 are extended to 32 bits by loads; b8 b16 store the low bits; b32 to b512 move raw bits.
Source: the manual, chapters 5 (control), 8 (scalar memory), 9 (vector memory), 10 (FLAT), 11 (LDS).
"""

from __future__ import annotations

MEMORY_FORMS = {
    "load T": "D = memory at the address",
    "store T": "memory at the address = the data",
    "load_format C": "loads components C (x, xy, xyz, xyzw), converted from the format in the descriptor (MUBUF) or here (MTBUF)",
    "store_format C": "stores components C, converted to that format",
    "load_format_d16 C": "the same, each component as f16 or 16-bit integer in the low half of a register of its own",
    "store_format_d16 C": "the same, from the low half of a register a component",
    "load2 T": "D = two words, at address + offset0 * sizeof(T) and address + offset1 * sizeof(T)",
    "load2st64 T": "the same with the offsets times 64",
    "store2 T": "stores both data operands, addressed as by load2",
    "store2st64 T": "stores both data operands, addressed as by load2st64",
    "exchange2 T": "atomic swap at both places of load2; D = both old values",
    "exchange2st64 T": "atomic swap at both places of load2st64; D = both old values",
    "atomic OP T": "memory = OP(memory, data), D (where there is one) = the old memory",
    "cache": "writes back or invalidates caches: nothing to do in a coherent memory",
    "swizzle": "ds_swizzle_b32: D = another lane's S0, by the pattern in `offset`; no memory is touched",
    "permute": "ds_permute_b32: lane (S0 + offset) / 4 mod 64 receives this lane's S1; 0 where none sends; the highest lane wins",
    "bpermute": "ds_bpermute_b32: D = S1 of lane (S0 + offset) / 4 mod 64, 0 where that lane is inactive",
}

ATOMIC_OPERATIONS = {  # `old` is the memory's value, `x` the data (`y` the second data operand)
    "swap": "x",
    "cmpswap": "old == x[1] ? x[0] : old (one register pair: the new value first, then the comparand)",
    "cmpst": "old == x ? y : old",
    "add": "old + x",
    "sub": "old - x",
    "rsub": "x - old",
    "inc": "old >= x ? 0 : old + 1",
    "dec": "old == 0 || old > x ? x : old - 1",
    "min": "old < x ? old : x",
    "max": "old > x ? old : x",
    "and": "old & x",
    "or": "old | x",
    "xor": "old ^ x",
    "mskor": "(old & ~x) | y",
    "wrap": "old >= x ? old - x : old + y",
}

CONTROL_FORMS = {
    "nop": "nothing",
    "end": "the wave ends",
    "branch": "PC += 4 * simm16",
    "branch C": "the same where C holds: scc0, scc1, vccz, vccnz, execz, execnz",
    "jump": "PC = S0",
    "call": "D = PC; PC = S0 (S0 read first)",
    "barrier": "waits for the work-group's other waves",
    "waitcnt": "waits for memory operations: nothing to do where they complete at once",
    "trap": "stops the kernel with a fault",
    "getreg": "D = bits of hardware register S0[5:0]: from S0[10:6], S0[15:11] + 1 of them",
    "setreg": "the same bits = S1's low bits",
    "time": "D = a 64-bit clock",
}

LANE_FORMS = {
    "readfirstlane": "the scalar D = S0 of the first active lane (lane 0 where EXEC is 0)",
    "readlane": "the scalar D = S0 of lane S1 mod 64, active or not",
    "writelane": "D of lane S1 mod 64 = the scalar S0, active or not",
    "movreld": "register (D's number + M0) = S0",
    "movrels": "D = register (S0's number + M0)",
    "movrelsd": "register (D's number + M0) = register (S0's number + M0)",
}
