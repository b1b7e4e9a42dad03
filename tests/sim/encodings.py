"""Encodings of the whole gfx8 opcode space, made from the formats' bit layouts alone, for holding the decoder against LLVM.

For each opcode number of each format: variants with the optional fields present and absent, because LLVM refuses an encoding
whose unused fields are not zero. Operands vary with a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

LITERAL_VALUES = (0x12345678, 0x3FC, 0x80000000, 0x00010000, 0x3F800000, 0x00003C00, 5, 0xFFFFFFFF)
PADDING = (0xBF800000, 0xBF800000)  # two s_nop bring a disassembler back in step behind an encoding that it refuses


@dataclass(frozen=True)
class Encoding:
    """One candidate: `opcode` of `format` as `words`."""

    format: str
    opcode: int
    words: tuple[int, ...]


class _Fields:
    """Random legal field values."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def pick(self, *choices: int) -> int:
        return self.random.choice(choices)

    def vgpr(self) -> int:
        return 4 * self.random.randrange(60)

    def sgpr(self) -> int:
        """A multiple of 4, so that operands of up to 4 registers are aligned."""
        return 4 * self.random.randrange(24)

    def scalar(self) -> int:
        """An 8-bit source without literals: SGPRs and inline constants, or registers of any width at vcc."""
        return self.pick(self.sgpr(), self.sgpr(), 106, 128, 129, 192, 193, 208, 240, 243, 247, 248)

    def source(self) -> int:
        return self.pick(256 + self.vgpr(), self.scalar())


def _scalar_formats() -> Iterator[Encoding]:
    f = _Fields("scalar")
    for opcode in range(96):  # 96 to 127 hold the other scalar formats
        for dst in (0, f.sgpr()):
            yield Encoding("SOP2", opcode, (0x80000000 | opcode << 23 | dst << 16 | f.scalar() << 8 | f.scalar(),))
            yield Encoding(
                "SOP2", opcode, (0x80000000 | opcode << 23 | dst << 16 | f.scalar() << 8 | 255, f.pick(*LITERAL_VALUES))
            )
    for opcode in range(28):
        for field in (0, 1, 0x7FFF, 0x8000, 0xFFF0, f.random.randrange(65536)):
            yield Encoding("SOPK", opcode, (0xB0000000 | opcode << 23 | f.sgpr() << 16 | field,))
        yield Encoding("SOPK", opcode, (0xB0000000 | opcode << 23 | f.random.randrange(65536), f.pick(*LITERAL_VALUES)))
    for opcode in range(256):
        for dst, src in ((f.sgpr(), f.scalar()), (0, f.sgpr()), (f.sgpr(), 0), (124, f.sgpr()), (106, 126)):
            yield Encoding("SOP1", opcode, (0xBE800000 | dst << 16 | opcode << 8 | src,))
        yield Encoding("SOP1", opcode, (0xBE800000 | f.sgpr() << 16 | opcode << 8 | 255, f.pick(*LITERAL_VALUES)))
    for opcode in range(128):
        for second in (f.scalar(), 0, 6, 14, 16, 255):
            yield Encoding("SOPC", opcode, (0xBF000000 | opcode << 16 | second << 8 | f.sgpr(),))
        yield Encoding("SOPC", opcode, (0xBF000000 | opcode << 16 | f.sgpr() << 8 | 255, f.pick(*LITERAL_VALUES)))
        for field in (0, 1, 0x70, 0x7F, 0xF70, 0xF7F, 0x122, 0x33, 0x2F, 0xFFFF, 0x8000, f.random.randrange(65536)):
            yield Encoding("SOPP", opcode, (0xBF800000 | opcode << 16 | field,))


def _scalar_memory() -> Iterator[Encoding]:
    f = _Fields("memory")
    for opcode in range(256):
        for data, base, immediate in ((16 * f.pick(0, 1, 5), f.sgpr(), 1), (0, 0, 0), (16, f.sgpr(), 0), (16, 0, 0)):
            low = 0xC0000000 | opcode << 18 | immediate << 17 | f.pick(0, 1) << 16 | data << 6 | base >> 1
            offset = f.random.randrange(1 << 20) if immediate else f.pick(124, f.sgpr()) if base else 0
            yield Encoding("SMEM", opcode, (low, offset))
            yield Encoding("SMEM", opcode, (low & ~(1 << 16), offset))


def _sdwa(f: _Fields) -> int:
    selections = f.random.randrange(7) << 16 | f.random.randrange(7) << 24
    return f.vgpr() | f.random.randrange(7) << 8 | f.random.randrange(3) << 11 | selections


def _dpp(f: _Fields) -> int:
    control = f.pick(0x1B, 0xE4, 0x101, 0x11F, 0x124, 0x130, 0x134, 0x138, 0x13C, 0x140, 0x141, 0x142, 0x143)
    return f.vgpr() | control << 8 | f.pick(0, 1) << 19 | f.random.randrange(256) << 24


def _vector_short() -> Iterator[Encoding]:
    f = _Fields("vector")
    formats = (("VOP2", 62, 0, 25), ("VOP1", 256, 0x7E000000, 9), ("VOPC", 256, 0x7C000000, 17))
    for format, count, base, shift in formats:
        for opcode in range(count):
            head = (
                base | opcode << shift | (f.vgpr() << 17 if format != "VOPC" else 0) | (f.vgpr() << 9 if format != "VOP1" else 0)
            )
            for source in (256 + f.vgpr(), f.scalar(), f.scalar(), 124, 251):
                yield Encoding(format, opcode, (head | source,))
            yield Encoding(format, opcode, (base | opcode << shift,))
            if format == "VOP1":
                yield Encoding(format, opcode, (base | opcode << shift | 16 << 17 | 256 + f.vgpr(),))  # v_readfirstlane
            for value in LITERAL_VALUES:
                yield Encoding(format, opcode, (head | 255, value))
                yield Encoding(format, opcode, (head | 256 + f.vgpr(), value))  # v_madmk, v_madak
            signs = f.pick(1 << 20, 1 << 21, 1 << 19, 3 << 20)
            for control in (_sdwa(f), _sdwa(f) | signs, _sdwa(f) | signs << 8, _sdwa(f) | 1 << 13, 0x06060600):
                yield Encoding(format, opcode, (head | 249, control))
            for control in (_dpp(f), _dpp(f) | 1 << 20, _dpp(f) | 1 << 23 | 1 << 21):
                yield Encoding(format, opcode, (head | 250, control))


def _vop3() -> Iterator[Encoding]:
    f = _Fields("vop3")
    for opcode in range(1024):
        head = 0xD0000000 | opcode << 16
        for present in range(8):
            sources = sum(f.source() << (9 * i) for i in range(3) if present >> i & 1)
            masked = sources & ~(511 << 18) | (f.pick(f.sgpr(), 106) << 18 if present & 4 else 0)  # a lane mask as third source
            flags = f.pick(0, 1) << 15 | f.pick(0, 2, 4, 6) << 8
            for second in (sources, masked):
                yield Encoding("VOP3", opcode, (head | f.sgpr(), second))
                yield Encoding("VOP3", opcode, (head | 106, second))
                yield Encoding("VOP3", opcode, (head | f.vgpr() % 96 | f.sgpr() << 8, second))
                yield Encoding(
                    "VOP3", opcode, (head | f.sgpr() | flags, second | f.pick(*range(4)) << 27 | f.pick(*range(8)) << 29)
                )
                yield Encoding("VOP3", opcode, (head | f.sgpr() | f.pick(0, 2) << 8, second | f.pick(0, 1, 2) << 29))
            yield Encoding("VOP3", opcode, (head, sources))
            yield Encoding("VOP3", opcode, (head | f.sgpr(), 256 + f.vgpr() | f.sgpr() << 9))  # v_readlane
        vectors = 256 + f.vgpr() | 256 + f.vgpr() << 9 | 256 + f.vgpr() << 18
        for second in (vectors, 257 | 259 << 9 | 261 << 18, 257 | 259 << 9, 259 << 9):  # the last three also make interpolations
            yield Encoding("VOP3", opcode, (head | f.sgpr(), second))


def _lds() -> Iterator[Encoding]:
    f = _Fields("lds")
    swizzles = (0x8000, 0x801B, 0x001F, 0x041F, 0x401F, 0x0C1F, 0x7C1F, 0x0010, 0x03E0, 0x00FF, 0x5555, 0xC000)
    for opcode in range(256):
        yield Encoding("DS", opcode, (0xD8000000 | opcode << 17, 0))
        for present in range(16):
            registers = sum(f.vgpr() << 8 * i for i in range(4) if present >> i & 1)
            offset = f.pick(0, 16, 0x1020, 0x100, f.random.randrange(65536), *swizzles)
            for gds in (0, 1):
                yield Encoding("DS", opcode, (0xD8000000 | opcode << 17 | gds << 16 | offset, registers))
            if opcode == 61:
                for pattern in swizzles:
                    yield Encoding("DS", opcode, (0xD8000000 | opcode << 17 | pattern, registers))


def _buffers() -> Iterator[Encoding]:
    f = _Fields("buffers")
    for opcode in range(128):
        for mode in range(4):  # idxen, offen
            place = (f.vgpr() if mode else 0) | f.vgpr() << 8 | (f.sgpr() >> 2) << 16 | f.pick(f.sgpr(), 124, 128, 0xC0) << 24
            for flags in (0, 1 << 14, 1 << 17, 1 << 14 | 1 << 17, 1 << 16):
                low = 0xE0000000 | opcode << 18 | mode << 12 | flags | f.pick(0, 1, 4095)
                yield Encoding("MUBUF", opcode, (low, place))
                yield Encoding("MUBUF", opcode, (low & ~0xFFF, place & ~0xFF00))
        yield Encoding("MUBUF", opcode, (0xE0000000 | opcode << 18, 0))
    for opcode in range(16):
        for data in range(16):
            for number in range(8):
                place = f.vgpr() << 8 | (f.sgpr() >> 2) << 16 | f.pick(f.sgpr(), 124, 128) << 24 | f.pick(0, 1) << 22
                low = 0xE8000000 | opcode << 15 | data << 19 | number << 23 | f.pick(0, 1) << 14 | f.pick(0, 8)
                yield Encoding("MTBUF", opcode, (low, place))
                yield Encoding("MTBUF", opcode, (low | 1 << 13, place | f.vgpr()))


def _flat_and_graphics() -> Iterator[Encoding]:
    f = _Fields("flat")
    for opcode in range(128):
        for data, dst in ((0, 0), (f.vgpr(), 0), (0, f.vgpr()), (f.vgpr(), f.vgpr())):
            for flags in range(4):
                yield Encoding("FLAT", opcode, (0xDC000000 | opcode << 18 | flags << 16, f.vgpr() | data << 8 | dst << 24))
        for sampler in (0, 1 << 21):
            second = f.vgpr() | f.vgpr() << 8 | (f.sgpr() >> 2) << 16
            yield Encoding("MIMG", opcode, (0xF0000000 | opcode << 18 | 0xF << 8, second | sampler))
            yield Encoding("MIMG", opcode, (0xF0000000 | opcode << 18 | 1 << 8, second | sampler))
    for opcode in range(4):
        yield Encoding("VINTRP", opcode, (0xD4000000 | opcode << 16 | 8 << 18 | 1 << 8 | 2 << 10 | 3,))
    yield Encoding("EXP", 0, (0xC400000F, 0x04030201))


def all_encodings() -> list[Encoding]:
    """Every candidate, without repetitions, in a fixed order."""
    parts = (_scalar_formats, _scalar_memory, _vector_short, _vop3, _lds, _buffers, _flat_and_graphics)
    return list(dict.fromkeys(encoding for part in parts for encoding in part()))
