"""LDS: loads and stores of every width, two-address forms, atomics with and without return, permutes and swizzles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .atomics import UPDATES, Update
from .floats import Array, bits, f32, f64, pair, u64
from .harness import Batch, Case
from .test_lanes import SOME, active, set_exec

LANE = np.arange(64)
WAIT = "  s_waitcnt lgkmcnt(0)\n"
BY_16 = "  v_lshlrev_b32 v30, 4, v0\n"  # v30: the lane times 16


def narrow(kind: str, a: Array) -> Array:
    """What loading the low byte or half of a gives."""
    size, signed = {"u8": (8, False), "i8": (8, True), "u16": (16, False), "i16": (16, True)}[kind]
    field = a.astype(np.int64) & ((1 << size) - 1)
    if signed:
        field = (field << (64 - size)) >> (64 - size)
    return (field & 0xFFFFFFFF).astype(np.uint32)


def round_trip(name: str, write: str, read: str, order: list[int], before: str = "") -> Case:
    """Stores operand slots and loads them again, in the given order."""
    code = f"{before}  {write}\n{WAIT}  {read}\n{WAIT}"
    covers = (write.split()[0], read.split()[0])
    return Case(name, code, lambda *slots: [slots[k] for k in order], outputs=len(order), covers=covers)


def move_cases() -> list[Case]:
    cases = [
        round_trip("b32", "ds_write_b32 v1, v2 offset:64", "ds_read_b32 v20, v1 offset:64", [0]),
        round_trip("b64", "ds_write_b64 v30, v[2:3] offset:8", "ds_read_b64 v[20:21], v30 offset:8", [0, 1], BY_16),
        round_trip("b96", "ds_write_b96 v30, v[2:4]", "ds_read_b96 v[20:22], v30", [0, 1, 2], BY_16),
        round_trip("b128", "ds_write_b128 v30, v[2:5]", "ds_read_b128 v[20:23], v30", [0, 1, 2, 3], BY_16),
        round_trip("b128-b32", "ds_write_b128 v30, v[2:5] offset:16", "ds_read_b32 v20, v30 offset:24", [2], BY_16),
        round_trip(
            "2b32", "ds_write2_b32 v1, v2, v3 offset0:3 offset1:80", "ds_read2_b32 v[20:21], v1 offset0:80 offset1:3", [1, 0]
        ),
        round_trip(
            "2st64b32",
            "ds_write2st64_b32 v1, v2, v3 offset0:1 offset1:3",
            "ds_read2st64_b32 v[20:21], v1 offset0:3 offset1:1",
            [1, 0],
        ),
        round_trip(
            "2b64",
            "ds_write2_b64 v30, v[2:3], v[4:5] offset1:1",
            "ds_read2_b64 v[20:23], v30 offset0:1",
            [2, 3, 0, 1],
            BY_16,
        ),
        round_trip(
            "2st64b64",
            "ds_write2st64_b64 v30, v[2:3], v[4:5] offset0:2 offset1:5",
            "ds_read2st64_b64 v[20:23], v30 offset0:5 offset1:2",
            [2, 3, 0, 1],
            "  v_lshlrev_b32 v30, 3, v0\n",
        ),
    ]
    for kind in ("u8", "i8", "u16", "i16"):
        size = kind[1:]
        code = f"  v_lshlrev_b32 v30, {0 if size == '8' else 1}, v0\n  ds_write_b{size} v30, v2 offset:6\n{WAIT}"
        code += f"  ds_read_{kind} v20, v30 offset:6\n{WAIT}"
        expect = lambda a, *_, kind=kind: narrow(kind, a)  # noqa: E731
        cases.append(Case(f"{kind}", code, expect, covers=(f"ds_write_b{size}", f"ds_read_{kind}")))
    return cases


def updates(opcode: str, size: int, update: Update, data_slots: int = 1) -> list[Case]:
    """An atomic on a word of the lane's own: without return, and with (`opcode` with rtn gives the old value).

    Memory starts as the first operand; data are the next ones."""
    dwords = size // 32
    data = ", ".join(_register(2 + dwords * (1 + k), dwords) for k in range(data_slots))
    start, result, old = _register(2, dwords), _register(20, dwords), _register(20 + dwords, dwords)
    init = f"{BY_16}  ds_write_b{size} v30, {start} offset:16\n{WAIT}"
    again = f"{WAIT}  ds_read_b{size} {result}, v30 offset:16\n{WAIT}"
    with_return = opcode.replace("_u32", "_rtn_u32") if opcode.endswith("_u32") else _with_return(opcode)

    def words(slots: tuple[Array, ...]) -> list[Array]:
        return [u64(slots[2 * k], slots[2 * k + 1]) if dwords == 2 else slots[k] for k in range(1 + data_slots)]

    def split(value: Array) -> list[Array]:
        return pair(value) if dwords == 2 else [value.astype(np.uint32)]

    def expect(*slots: Array) -> list[Array]:
        return split(update(*words(slots)))

    def expect_old(*slots: Array) -> list[Array]:
        return split(update(*words(slots))) + list(slots[:dwords])

    plain = Case(opcode, f"{init}  {opcode} v30, {data} offset:16\n{again}", expect, outputs=dwords, covers=(opcode,))
    code = f"{init}  {with_return} {old}, v30, {data} offset:16\n{again}"
    return [plain, Case(with_return, code, expect_old, outputs=2 * dwords, covers=(with_return,))]


def _with_return(opcode: str) -> str:
    stem, suffix = opcode.rsplit("_", 1)
    return f"{stem}_rtn_{suffix}"


def _register(first: int, count: int) -> str:
    return f"v{first}" if count == 1 else f"v[{first}:{first + count - 1}]"


def reverse_subtract(memory: Array, data: Array) -> Array:
    return data - memory


def integer_atomics(size: int) -> list[Case]:
    cases = []
    for suffix, _, update in UPDATES.values():
        cases += updates(f"ds_{suffix}{size}", size, update)
    cases += updates(f"ds_rsub_u{size}", size, reverse_subtract)
    cases += updates(f"ds_mskor_b{size}", size, lambda m, mask, value: (m & ~mask) | value, data_slots=2)
    cases += updates(f"ds_cmpst_b{size}", size, lambda m, wanted, value: np.where(m == wanted, value, m), data_slots=2)
    return cases


def exchange_cases() -> list[Case]:
    """ds_wrxchg exists with return only."""
    simple = updates("ds_wrxchg_b32", 32, lambda m, d: d)[1:] + updates("ds_wrxchg_b64", 64, lambda m, d: d)[1:]
    wrap = updates("ds_wrap_b32", 32, lambda m, a, b: np.where(m >= a, m - a, m + b), data_slots=2)[1:]
    two = f"""{BY_16}  ds_write_b64 v30, v[2:3]
{WAIT}  ds_wrxchg2_rtn_b32 v[20:21], v30, v4, v5 offset0:1
{WAIT}  ds_read_b64 v[22:23], v30
{WAIT}"""
    both = Case("ds_wrxchg2_rtn_b32", two, lambda *s: [s[1], s[0], s[3], s[2]], outputs=4, covers=("ds_wrxchg2_rtn_b32",))
    return [*simple, *wrap, both, *far_exchange_cases()]


def far_exchange_cases() -> list[Case]:
    """Two exchanges at once, 64 elements apart or of 64 bits. Only slots 0-2 are free: the second datum is slot 0 again."""
    cases = []
    for size in (32, 64):
        count, opcode = size // 32, f"ds_wrxchg2st64_rtn_b{size}"
        start, result = _register(2, count), _register(20, 2 * count)
        put, get = f"ds_write2st64_b{size} v30", f"ds_read2st64_b{size} {_register(20 + 2 * count, 2 * count)}, v30"
        code = f"""  v_lshlrev_b32 v30, {count + 1}, v0
  {put}, {start}, {_register(4, count)} offset0:1 offset1:2
{WAIT}  {opcode} {result}, v30, {_register(4, count)}, {start} offset0:1 offset1:2
{WAIT}  {get}, v30 offset0:1 offset1:2
{WAIT}"""
        code = code.replace("v30, v30", "v30")

        def expect(*s: Array, count: int = count) -> list[Array]:
            first, second = list(s[:count]), list(s[2 : 2 + count])
            return [*first, *second, *second, *first]

        cases.append(Case(opcode, code, expect, outputs=4 * count, covers=(opcode,)))
    code = f"""{BY_16}  ds_write2_b64 v30, v[2:3], v[4:5] offset1:1
{WAIT}  ds_wrxchg2_rtn_b64 v[20:23], v30, v[4:5], v[2:3] offset1:1
{WAIT}  ds_read2_b64 v[24:27], v30 offset1:1
{WAIT}"""
    wide = Case("ds_wrxchg2_rtn_b64", code, lambda *s: [*s[:4], *s[2:4], *s[:2]], outputs=8, covers=("ds_wrxchg2_rtn_b64",))
    return [*cases, wide]


def float_atomics() -> list[Case]:
    """Operand slots hold ordinary floats (the manual is silent on NaN in LDS)."""

    def floating(function: Callable[..., Array], size: int) -> Update:
        kind = {32: np.float32, 64: np.float64}[size]
        return lambda *words: np.asarray(function(*(w.view(kind) for w in words)), kind).view(words[0].dtype)

    return [
        *updates("ds_add_f32", 32, floating(np.add, 32)),
        *updates("ds_min_f32", 32, floating(np.minimum, 32)),
        *updates("ds_max_f32", 32, floating(np.maximum, 32)),
        *updates("ds_cmpst_f32", 32, floating(lambda m, c, v: np.where(m == c, v, m), 32), data_slots=2),
        *updates("ds_cmpst_f64", 64, floating(lambda m, c, v: np.where(m == c, v, m), 64), data_slots=2),
        *updates("ds_min_f64", 64, floating(np.minimum, 64)),
        *updates("ds_max_f64", 64, floating(np.maximum, 64)),
    ]


def _ordinary(dtype: type, values: int) -> Array:
    """Normal floats with many equal pairs, as operand slots."""
    generator = np.random.default_rng(10)
    table = generator.choice(np.array([-3.5, -1, 0.25, 1, 2, 1e10, -1e-10], dtype), (values, 256))
    table[:, 128:] = generator.standard_normal((values, 128)).astype(dtype)
    if dtype is np.float32:
        return table.view(np.uint32)
    return np.concatenate([np.stack(pair(row)) for row in table])


def shared_case() -> Case:
    """All lanes add to one word: the total, whatever the order."""

    def total(a: Array, *_: Array) -> Array:
        sums = a.reshape(-1, 64).sum(axis=1, dtype=np.uint32)
        return np.repeat(sums, 64)

    code = f"""  v_mov_b32 v30, 0
  ds_write_b32 v30, v30 offset:256
{WAIT}  ds_add_u32 v30, v2 offset:256
{WAIT}  ds_read_b32 v20, v30 offset:256
{WAIT}"""
    return Case("ds_add_u32-shared", code, total, covers=("ds_add_u32",))


def swizzled(pattern: int, a: Array) -> Array:
    """ds_swizzle_b32: quad permutation (bit 15), or and/or/xor masks within 32 lanes."""
    if pattern & 0x8000:
        source = LANE // 4 * 4 + (pattern >> (2 * (LANE % 4))) % 4
    else:
        source = LANE // 32 * 32 + (((LANE % 32) & (pattern & 31) | (pattern >> 5 & 31)) ^ (pattern >> 10 & 31))
    return a.reshape(-1, 64)[:, source].reshape(-1)


def permute_cases() -> list[Case]:
    patterns = {
        "swap1": 0x041F,
        "swap16": 0x401F,
        "reverse32": 0x7C1F,
        "broadcast0": 0x0000,
        "and-or": 0x0358,
        "quad": 0x801B,
        "quad-2": 0x80C6,
    }
    cases = [
        Case(
            f"ds_swizzle_b32-{name}",
            f"  ds_swizzle_b32 v20, v2 offset:{pattern:#x}\n{WAIT}",
            lambda a, *_, pattern=pattern: swizzled(pattern, a),
            covers=("ds_swizzle_b32",),
        )
        for name, pattern in patterns.items()
    ]
    gather = f"  v_lshlrev_b32 v30, 2, v3\n  ds_bpermute_b32 v20, v30, v2\n{WAIT}"

    def gathered(a: Array, b: Array, *_: Array) -> Array:
        return np.take_along_axis(a.reshape(-1, 64), (b.reshape(-1, 64) % 64).astype(np.int64), axis=1).reshape(-1)

    def gathered_on(a: Array, b: Array, *_: Array) -> Array:
        source = (b.reshape(-1, 64) % 64).astype(np.int64)
        on = active(64, SOME)
        values = np.where(on[source], np.take_along_axis(a.reshape(-1, 64), source, axis=1), 0)
        return np.where(on, values, b.reshape(-1, 64)).reshape(-1).astype(np.uint32)

    def scattered(a: Array, *_: Array) -> Array:
        result = np.zeros_like(a).reshape(-1, 64)
        result[:, (LANE * 5 + 3) % 64] = a.reshape(-1, 64)
        return result.reshape(-1)

    masked_gather = "  v_mov_b32 v20, v3\n" + set_exec(SOME) + gather
    spread = "  v_mul_u32_u24 v30, 5, v0\n  v_add_u32 v30, vcc, 3, v30\n  v_lshlrev_b32 v30, 2, v30\n"
    scatter = f"{spread}  ds_permute_b32 v20, v30, v2\n{WAIT}"
    return [
        *cases,
        Case("ds_bpermute_b32", gather, gathered, covers=("ds_bpermute_b32",)),
        Case("ds_bpermute_b32-exec", masked_gather, gathered_on, covers=("ds_bpermute_b32",)),
        Case("ds_permute_b32", scatter, scattered, covers=("ds_permute_b32",)),
    ]


INTEGERS = operands.integer32(4)
BATCHES = [
    Batch("lds_moves", [*move_cases(), shared_case(), *permute_cases()], INTEGERS),
    Batch("lds_atomics_32", integer_atomics(32) + exchange_cases(), operands.integer64(3)),
    Batch("lds_atomics_64", integer_atomics(64), operands.integer64(3)),
    Batch("lds_floats_32", float_atomics()[:8], _ordinary(np.float32, 3)),
    Batch("lds_floats_64", float_atomics()[8:], _ordinary(np.float64, 3)),
]


def test_oracle_of_floats() -> None:
    """The oracle's operand tables hold what they should."""
    assert np.isfinite(f32(_ordinary(np.float32, 3))).all() and np.isfinite(f64(*_ordinary(np.float64, 1))).all()
    assert bits(np.ones(1, np.float32))[0] == 0x3F800000


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_lds(batch: Batch, case: Case) -> None:
    batch.verify(case)
