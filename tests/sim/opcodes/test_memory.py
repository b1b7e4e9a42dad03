"""Memory: MUBUF addressing and bounds, FLAT, atomics with and without return, scalar loads and stores.

Each work-group has 4 KiB of scratch memory of its own (s[8:9], descriptor s[84:87], filled with zeros)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .atomics import UPDATES
from .build import registers
from .floats import Array, pair, u64
from .harness import Batch, Case
from .test_lds import narrow

LANE = np.arange(64)
WAIT = "  s_waitcnt vmcnt(0) lgkmcnt(0)\n"
BY_16 = "  v_lshlrev_b32 v30, 4, v0\n"  # v30: the lane times 16
# v[32:33]: this lane's 16 bytes of scratch memory.
FLAT_ADDRESS = BY_16 + "  v_mov_b32 v33, s9\n  v_add_u32 v32, vcc, s8, v30\n  v_addc_u32 v33, vcc, 0, v33, vcc\n"
LOADS = {"ubyte": "u8", "sbyte": "i8", "ushort": "u16", "sshort": "i16"}
WIDTHS = {1: "dword", 2: "dwordx2", 3: "dwordx3", 4: "dwordx4"}


def lanewise(function: Callable[[Array], Array]) -> Callable[..., Array]:
    """An oracle over slot 0 as [waves, 64]."""
    return lambda a, *_: np.ascontiguousarray(function(a.reshape(-1, 64))).reshape(-1).astype(np.uint32)


def widths(prefix: str, store: Callable[[str, str], str], load: Callable[[str, str], str], before: str) -> list[Case]:
    """Round trips of one to four dwords, and of bytes and halves into every narrow load. `store`, `load`: (suffix, registers)."""
    cases = []
    for count, suffix in WIDTHS.items():
        code = f"{before}{store(suffix, registers(2, count))}{WAIT}{load(suffix, registers(20, count))}{WAIT}"
        covers = (f"{prefix}_store_{suffix}", f"{prefix}_load_{suffix}")
        cases.append(Case(f"{prefix}_{suffix}", code, lambda *s, count=count: list(s[:count]), outputs=count, covers=covers))
    for suffix, kind in LOADS.items():
        size = "byte" if kind.endswith("8") else "short"
        code = f"{before}{store(size, 'v2')}{WAIT}{load(suffix, 'v20')}{WAIT}"
        covers = (f"{prefix}_store_{size}", f"{prefix}_load_{suffix}")
        cases.append(Case(f"{prefix}_{suffix}", code, lambda a, *_, kind=kind: narrow(kind, a), covers=covers))
    return cases


def width_cases() -> list[Case]:
    buffer = "s[84:87], 0 offen offset:16"
    return [
        *widths(
            "buffer",
            lambda s, r: f"  buffer_store_{s} {r}, v30, {buffer}\n",
            lambda s, r: f"  buffer_load_{s} {r}, v30, {buffer}\n",
            BY_16,
        ),
        *widths(
            "flat",
            lambda s, r: f"  flat_store_{s} v[32:33], {r}\n",
            lambda s, r: f"  flat_load_{s} {r}, v[32:33]\n",
            FLAT_ADDRESS,
        ),
    ]


def atomic(
    opcode: str, code: Callable[[str, str], str], before: str, size: int, update: Callable[..., Array], data_slots: int = 1
) -> list[Case]:
    """`code(data registers, flags)` does the operation on memory that starts as slot 0 (and 1). With glc the old value comes."""
    dwords = size // 32
    first = 2 + dwords
    data = registers(first, dwords * data_slots)
    start, result = registers(2, dwords), registers(20, dwords)
    suffix = WIDTHS[dwords]
    is_flat = opcode.startswith("flat")
    write = (
        f"  flat_store_{suffix} v[32:33], {start}\n" if is_flat else f"  buffer_store_{suffix} {start}, v30, s[84:87], 0 offen\n"
    )
    again = (
        f"  flat_load_{suffix} {result}, v[32:33]\n" if is_flat else f"  buffer_load_{suffix} {result}, v30, s[84:87], 0 offen\n"
    )
    save = "".join(f"  v_mov_b32 v{40 + k}, v{first + k}\n" for k in range(dwords * data_slots))
    moved = registers(40, dwords * data_slots)

    def words(slots: tuple[Array, ...]) -> list[Array]:
        return [u64(slots[2 * k], slots[2 * k + 1]) if dwords == 2 else slots[k] for k in range(1 + data_slots)]

    def expect(*slots: Array) -> list[Array]:
        value = update(*words(slots))
        return pair(value) if dwords == 2 else [value.astype(np.uint32)]

    plain = Case(opcode, f"{before}{write}{WAIT}{code(data, '')}{WAIT}{again}{WAIT}", expect, outputs=dwords, covers=(opcode,))
    old = "".join(f"  v_mov_b32 v{20 + dwords + k}, v{40 + k}\n" for k in range(dwords))
    returned = f"{before}{save}{write}{WAIT}{code(moved, 'glc')}{WAIT}{old}{again}{WAIT}"
    both = Case(f"{opcode}-glc", returned, lambda *s: expect(*s) + list(s[:dwords]), outputs=2 * dwords, covers=(opcode,))
    return [plain, both]


def _compare_and_swap(memory: Array, value: Array, wanted: Array) -> Array:
    return np.where(memory == wanted, value, memory)


def atomic_cases(size: int) -> list[Case]:
    """Data are (new value, compared value) for cmpswap: the first half of the data registers is the new value."""
    suffix = "" if size == 32 else "_x2"
    table: dict[str, tuple[Callable[..., Array], int]] = {name: (update, 1) for _, name, update in UPDATES.values()}
    table["swap"] = (lambda m, d: d, 1)
    table["cmpswap"] = (_compare_and_swap, 2)
    cases = []
    for name, (update, slots) in table.items():
        op = f"buffer_atomic_{name}{suffix}"
        cases += atomic(op, lambda r, g, op=op: f"  {op} {r}, v30, s[84:87], 0 offen {g}\n", BY_16, size, update, slots)
        op = f"flat_atomic_{name}{suffix}"
        dwords = size // 32

        def flat(r: str, g: str, op: str = op, dwords: int = dwords) -> str:
            return f"  {op} {registers(40, dwords) + ', ' if g else ''}v[32:33], {r} {g}\n"

        cases += atomic(op, flat, FLAT_ADDRESS, size, update, slots)
    return cases


def descriptor(stride: int = 0, records: int = 4096, flags: int = 0x27000, swizzle: bool = False, base: int = 8) -> str:
    """s[20:23]: a descriptor of the scratch memory (base 8) or of the operands (base 4)."""
    word1 = stride << 16 | (1 << 31 if swizzle else 0)
    address = f"  s_mov_b32 s20, s{base}\n  s_or_b32 s21, s{base + 1}, {word1:#x}\n"
    return address + f"  s_mov_b32 s22, {records:#x}\n  s_mov_b32 s23, {flags:#x}\n"


def addressing_cases() -> list[Case]:
    """Loads from the operands' block, where slot 0 is at byte 0 and lane i's word at 4 i."""
    source = descriptor(base=4, records=256)
    strided = descriptor(base=4, stride=8, records=256)
    half_lane = "  v_and_b32 v30, 31, v0\n"
    both = (
        half_lane + "  v_lshrrev_b32 v31, 5, v0\n  v_lshlrev_b32 v31, 2, v31\n"
    )  # index: lane mod 32; offset: 4 from lane 32 on
    return [
        Case(
            "off",
            f"{source}  s_movk_i32 s24, 8\n  buffer_load_dword v20, off, s[20:23], s24 offset:4\n{WAIT}",
            lanewise(lambda a: a[:, [3] * 64]),
        ),
        Case("offen", f"{source}  buffer_load_dword v20, v1, s[20:23], 0 offen\n{WAIT}", lanewise(lambda a: a)),
        Case(
            "inline-soffset", f"{source}  buffer_load_dword v20, off, s[20:23], 64\n{WAIT}", lanewise(lambda a: a[:, [16] * 64])
        ),
        Case(
            "idxen",
            f"{strided}{half_lane}  buffer_load_dword v20, v30, s[20:23], 0 idxen offset:4\n{WAIT}",
            lanewise(lambda a: a[:, 2 * (LANE % 32) + 1]),
        ),
        Case(
            "bothen",
            f"{strided}{both}  buffer_load_dword v20, v[30:31], s[20:23], 0 idxen offen\n{WAIT}",
            lanewise(lambda a: a[:, 2 * (LANE % 32) + LANE // 32]),
        ),
        Case(
            "add-tid",
            f"{descriptor(base=4, stride=4, records=256, flags=0x807000)}  buffer_load_dword v20, off, s[20:23], 0\n{WAIT}",
            lanewise(lambda a: a),
        ),
        _swizzled(),
    ]


def _swizzled() -> Case:
    """Swizzled: 4-byte elements of 8 indices side by side (word 3: element size 4, index stride 8), stride 8."""
    code = f"""{descriptor(base=4, stride=8, records=32, flags=0x27000 | 1 << 19, swizzle=True)}  v_and_b32 v30, 31, v0
  v_lshrrev_b32 v31, 5, v0
  v_lshlrev_b32 v31, 2, v31
  buffer_load_dword v20, v[30:31], s[20:23], 0 idxen offen
{WAIT}"""
    index, offset = LANE % 32, LANE // 32 * 4
    address = ((index // 8) * 8 + offset // 4 * 4) * 8 + index % 8 * 4
    return Case("swizzled", code, lanewise(lambda a: a[:, address // 4]))


def bounds_cases() -> list[Case]:
    """Reads past the end give 0, writes there are dropped; stride 0 counts bytes."""
    short = descriptor(base=4, records=128)
    inside = LANE < 32
    store = f"""{descriptor(records=128)}  buffer_store_dword v2, v1, s[84:87], 0 offen
{WAIT}  buffer_store_dword v3, v1, s[20:23], 0 offen
{WAIT}  buffer_load_dword v20, v1, s[84:87], 0 offen
{WAIT}"""

    def stored(a: Array, b: Array, *_: Array) -> Array:
        return np.where(np.resize(inside, len(a)), b, a)

    wide = f"{descriptor(base=4, records=512)}{BY_16}  buffer_load_dwordx4 v[20:23], v30, s[20:23], 0 offen\n{WAIT}"

    def four(*slots: Array) -> list[Array]:
        rows = np.concatenate([s.reshape(-1, 64) for s in slots[:4]], axis=1)
        words = [np.where(LANE < 32, rows[:, 4 * LANE + k], 0) for k in range(4)]
        return [w.reshape(-1).astype(np.uint32) for w in words]

    return [
        Case(
            "read", f"{short}  buffer_load_dword v20, v1, s[20:23], 0 offen\n{WAIT}", lanewise(lambda a: np.where(inside, a, 0))
        ),
        Case(
            "read-offset",
            f"{short}  buffer_load_dword v20, v1, s[20:23], 0 offen offset:64\n{WAIT}",
            lanewise(lambda a: np.where(LANE < 16, a[:, (LANE + 16) % 64], 0)),
        ),
        Case(
            "read-negative",
            f"{short}  v_subrev_u32 v30, vcc, 64, v1\n  buffer_load_dword v20, v30, s[20:23], 0 offen\n{WAIT}",
            lanewise(lambda a: np.where((LANE >= 16) & (LANE < 48), a[:, (LANE - 16) % 64], 0)),
        ),
        Case(
            "read-byte",
            f"{short}  buffer_load_ubyte v20, v1, s[20:23], 0 offen\n{WAIT}",
            lanewise(lambda a: np.where(inside, a & 255, 0)),
        ),
        Case("read-dwordx4", wide, four, outputs=4),
        Case("write", store, stored),
        Case(
            "no-records",
            f"{descriptor(base=4, records=0)}  buffer_load_dword v20, v1, s[20:23], 0 offen\n{WAIT}",
            lanewise(lambda a: np.zeros_like(a)),
        ),
    ]


def scalar_cases() -> list[Case]:
    """Scalar loads of the operands' block: lane i's word of slot 0 is at 4 i."""
    cases = []
    for count in (1, 2, 4, 8, 16):
        suffix = "" if count == 1 else f"x{count}"
        take = list(range(0, count, max(1, count // 4)))
        moves = "".join(f"  v_mov_b32 v{20 + k}, s{24 + n}\n" for k, n in enumerate(take))

        def expect(a: Array, *_: Array, take: tuple[int, ...] = tuple(take)) -> list[Array]:
            return [np.repeat(a.reshape(-1, 64)[:, 4 + n], 64) for n in take]

        d = registers(24, count, "s")
        load = f"  s_load_dword{suffix} {d}, s[4:5], 0x10\n{WAIT}{moves}"
        cases.append(Case(f"s_load_dword{suffix}", load, expect, outputs=len(take), covers=(f"s_load_dword{suffix}",)))
        buffered = f"  s_movk_i32 s20, 0x10\n  s_buffer_load_dword{suffix} {d}, s[12:15], s20\n{WAIT}{moves}"
        name = f"s_buffer_load_dword{suffix}"
        cases.append(Case(name, buffered, expect, outputs=len(take), covers=(name,)))
    past = f"{descriptor(base=4, records=32)}  s_buffer_load_dwordx2 s[24:25], s[20:23], 0x1c\n{WAIT}"
    past += "  v_mov_b32 v20, s24\n  v_mov_b32 v21, s25"
    by_register = f"  s_movk_i32 s20, 0x24\n  s_load_dword s24, s[4:5], s20\n{WAIT}  v_mov_b32 v20, s24"
    return [
        *cases,
        Case("s_load_dword-sgpr", by_register, lanewise(lambda a: a[:, [9] * 64])),
        Case(
            "s_buffer_load_dwordx2-bounds",
            past,
            lambda a, *_: [np.repeat(a.reshape(-1, 64)[:, 7], 64), np.zeros_like(a)],
            outputs=2,
        ),
        *scalar_store_cases(),
    ]


def scalar_store_cases() -> list[Case]:
    cases = []
    for count in (1, 2, 4):
        suffix = "" if count == 1 else f"x{count}"
        d, again = registers(24, count, "s"), registers(32, count, "s")
        for base, operand, name in (
            ("s[8:9]", "0x20", f"s_store_dword{suffix}"),
            ("s[84:87]", "0x40", f"s_buffer_store_dword{suffix}"),
        ):
            load = name.replace("store", "load")
            code = "".join(f"  v_readlane_b32 s{24 + k}, v2, {k + 3}\n" for k in range(count))
            code += f"  {name} {d}, {base}, {operand}\n  s_dcache_wb\n{WAIT}  {load} {again}, {base}, {operand}\n{WAIT}"
            code += "".join(f"  v_mov_b32 v{20 + k}, s{32 + k}\n" for k in range(count))

            def expect(a: Array, *_: Array, count: int = count) -> list[Array]:
                return [np.repeat(a.reshape(-1, 64)[:, k + 3], 64) for k in range(count)]

            cases.append(Case(name, code, expect, outputs=count, covers=(name,)))
    return cases


BATCHES = [
    Batch("memory_widths", width_cases(), operands.integer32(4)),
    Batch("memory_addressing", addressing_cases(), operands.integer32(4)),
    Batch("memory_bounds", bounds_cases(), operands.integer32(4)),
    Batch("memory_scalar", scalar_cases(), operands.integer32(4)),
    Batch("memory_atomics_32", atomic_cases(32), operands.integer64(2)[:3]),
    Batch("memory_atomics_64", atomic_cases(64), operands.integer64(3)),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_memory(batch: Batch, case: Case) -> None:
    batch.verify(case)
