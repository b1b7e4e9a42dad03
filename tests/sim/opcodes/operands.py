"""Operand tables: the edges of every type, all pairs of them, and random fill (fixed seed) up to whole waves."""

from __future__ import annotations

import itertools

import numpy as np

F32_EDGES = [
    0x00000000, 0x80000000,  # zeros
    0x00000001, 0x80000001, 0x007FFFFF, 0x807FFFFF, 0x00400000,  # denormals
    0x00800000, 0x80800000, 0x00800001, 0x01000000,  # the smallest normals
    0x3F800000, 0xBF800000, 0x3F800001, 0x3F7FFFFF, 0x40000000, 0xC0000000, 0x3F000000, 0xBF000000, 0x3EFFFFFF,
    0x3FC00000, 0x40200000, 0xC0200000, 0x40600000, 0x4B000001, 0x4AFFFFFF,  # 1.5, 2.5, -2.5, 3.5, 2^23 + 1: ties
    0x4F000000, 0xCF000000, 0x4F800000, 0x4EFFFFFF, 0x4F7FFFFF, 0x5F000000,  # 2^31, -2^31, 2^32 and below
    0x7F7FFFFF, 0xFF7FFFFF, 0x7F000000, 0x7E800000,  # the largest
    0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFA00000,  # infinities, quiet and signalling NaNs
]  # fmt: skip
F16_EDGES = [
    0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0200, 0x0400, 0x8400, 0x0401, 0x0800, 0x3C00, 0xBC00, 0x3C01, 0x3BFF,
    0x4000, 0xC000, 0x3800, 0xB800, 0x3E00, 0x4100, 0xC100, 0x4300, 0x6401, 0x63FF, 0x7800, 0x7BFF, 0xFBFF, 0x77FF,
    0x7C00, 0xFC00, 0x7E00, 0xFE00, 0x7C01, 0xFD00,
]  # fmt: skip
F64_EDGES = [
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x8000000000000001, 0x000FFFFFFFFFFFFF, 0x0008000000000000,
    0x0010000000000000, 0x8010000000000000, 0x3FF0000000000000, 0xBFF0000000000000, 0x3FF0000000000001, 0x3FEFFFFFFFFFFFFF,
    0x4000000000000000, 0xC000000000000000, 0x3FE0000000000000, 0xBFE0000000000000, 0x3FF8000000000000, 0x4004000000000000,
    0xC004000000000000, 0x41E0000000000000, 0xC1E0000000000000, 0x41EFFFFFFFE00000, 0x41F0000000000000, 0x4330000000000001,
    0x36A0000000000000, 0x380FFFFFFFFFFFFF, 0x47EFFFFFF0000000, 0x47EFFFFFEFFFFFFF,  # the edges of float32's range
    0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001,
]  # fmt: skip
I32_EDGES = [
    0, 1, 2, 3, 7, 8, 15, 16, 24, 30, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
    0x7FFFFF, 0x800000, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 0x12345678, 0xA5A5A5A5,
]  # fmt: skip
I64_EDGES = [
    0, 1, 2, 31, 32, 33, 63, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x123456789ABCDEF0,
    0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000001, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF00000000, 0xFFFFFFFF80000000,
]  # fmt: skip


def _pairs(edges: list[int], random: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges, then the random values paired with themselves in another order; whole waves."""
    table = np.array(list(itertools.product(edges, edges)), dtype)
    count = -(-(len(table) + len(random)) // 64) * 64
    more = np.resize(random, count - len(table))
    return np.concatenate([table[:, 0], more]), np.concatenate([table[:, 1], np.roll(more, 1)])


def _thirds(edges: list[int], random: np.ndarray, count: int, dtype: type) -> np.ndarray:
    """A third operand: edges and random values drawn at random (so that each meets many pairs)."""
    generator = np.random.default_rng(3)
    pool = np.concatenate([np.array(edges, dtype), np.array(edges, dtype), random])
    return generator.choice(pool, count)


def _random_floats32(count: int) -> np.ndarray:
    """Half of moderate size, so that sums and products neither cancel nor overflow; half any bits."""
    generator = np.random.default_rng(1)
    moderate = (generator.standard_normal(count // 2) * np.exp2(generator.integers(-8, 9, count // 2))).astype(np.float32)
    return np.concatenate([moderate.view(np.uint32), generator.integers(0, 1 << 32, count - count // 2, np.uint32)])


def float32(slots: int = 3) -> np.ndarray:
    random = _random_floats32(256)
    first, second = _pairs(F32_EDGES, random, np.uint32)
    columns = [first, second] + [_thirds(F32_EDGES, random, len(first), np.uint32) for _ in range(slots - 2)]
    return np.stack(columns[:slots])


def float16(slots: int = 3) -> np.ndarray:
    """The upper halves hold random bits, which 16-bit operations must ignore."""
    generator = np.random.default_rng(2)
    random = np.concatenate(
        [generator.standard_normal(128).astype(np.float16).view(np.uint16), generator.integers(0, 1 << 16, 128, np.uint16)]
    )
    first, second = _pairs(F16_EDGES, random, np.uint32)
    columns = [first, second] + [_thirds(F16_EDGES, random, len(first), np.uint32) for _ in range(slots - 2)]
    upper = generator.integers(0, 1 << 16, (slots, len(first)), np.uint32) << 16
    return (np.stack(columns[:slots]) | upper).astype(np.uint32)


def float64(slots: int = 3) -> np.ndarray:
    """`slots` 64-bit operands: low and high dwords in turn."""
    generator = np.random.default_rng(4)
    moderate = generator.standard_normal(64) * np.exp2(generator.integers(-40, 41, 64))
    random = np.concatenate([moderate.view(np.uint64), generator.integers(0, 1 << 64, 64, np.uint64)])
    return _wide(F64_EDGES, random, slots)


def integer64(slots: int = 2) -> np.ndarray:
    return _wide(I64_EDGES, np.random.default_rng(5).integers(0, 1 << 64, 192, np.uint64), slots)


def _wide(edges: list[int], random: np.ndarray, slots: int) -> np.ndarray:
    first, second = _pairs(edges, random, np.uint64)
    columns = [first, second] + [_thirds(edges, random, len(first), np.uint64) for _ in range(slots - 2)]
    halves = [half for column in columns[:slots] for half in (column & np.uint64(0xFFFFFFFF), column >> np.uint64(32))]
    return np.stack(halves).astype(np.uint32)


def integer32(slots: int = 3) -> np.ndarray:
    random = np.random.default_rng(6).integers(0, 1 << 32, 256, np.uint32)
    first, second = _pairs(I32_EDGES, random, np.uint32)
    columns = [first, second] + [_thirds(I32_EDGES, random, len(first), np.uint32) for _ in range(slots - 2)]
    return np.stack(columns[:slots])


def scalars32() -> np.ndarray:
    """Two operands and a condition bit (slot 2: 0 or 1) for scalar cases: fewer pairs, since each is a work-group of its own."""
    edges = [
        0,
        1,
        2,
        5,
        31,
        32,
        33,
        0x7FFF,
        0x8000,
        0x10000,
        0x7FFFFFFF,
        0x80000000,
        0xFFFFFFFF,
        0xFFFF8000,
        0x12345678,
        0x00180004,
    ]
    random = np.random.default_rng(7).integers(0, 1 << 32, 64, np.uint32)
    first, second = _pairs(edges, random, np.uint32)
    return np.stack([first, second, (np.arange(len(first)) * 7 % 3 == 0).astype(np.uint32)])


def scalars64() -> np.ndarray:
    """Two 64-bit operands in slots 0-3 and a condition bit in slot 4."""
    wide = _wide(I64_EDGES, np.random.default_rng(8).integers(0, 1 << 64, 64, np.uint64), 2)
    return np.concatenate([wide, (np.arange(wide.shape[1]) * 7 % 3 == 0).astype(np.uint32)[None]])
