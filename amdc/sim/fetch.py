"""Access to the words of one instruction while it is decoded, and the error for what cannot be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amdc.errors import KernelFault
from amdc.sim.isa.model import Op, Operand
from amdc.sim.isa.table import TABLE
from amdc.sim.operands import LITERAL, literal, register_count, scalar, source


class UnknownInstruction(KernelFault):
    """Bytes that are no gfx8 instruction: another chip's code, data, or damage."""


def bits(word: int, low: int, count: int) -> int:
    """`count` bits of `word` from bit `low` on."""
    return word >> low & ((1 << count) - 1)


def signed(value: int, count: int) -> int:
    """`value` of `count` bits as a two's complement number."""
    return value - (1 << count) if value >> (count - 1) else value


@dataclass
class Fetch:
    """The instruction at `words[index]`, at byte `address`. `size` counts the words used so far, a literal included."""

    words: Sequence[int]
    index: int
    address: int
    size: int = 1

    def word(self, number: int) -> int:
        """The instruction's word `number`, from 0. Raises `UnknownInstruction` beyond the end of the text."""
        if self.index + number >= len(self.words):
            raise self.error("the text ends within an instruction")
        return self.words[self.index + number]

    def error(self, what: str) -> UnknownInstruction:
        data = b"".join(word.to_bytes(4, "little") for word in self.words[self.index : self.index + 2])
        return UnknownInstruction(
            f"cannot decode the instruction at 0x{self.address:x} (bytes {data.hex(' ')}): {what};"
            " is the code for another chip than gfx803?"
        )

    def op(self, format: str, opcode: int) -> Op:
        """The row of an opcode."""
        op = TABLE[format].get(opcode)
        if op is None:
            raise self.error(f"{format} opcode {opcode} (0x{opcode:x}) is unknown")
        return op

    def take_literal(self, type: str) -> Operand:
        """The literal: the second word of a 32-bit encoding, shared by all its literal operands."""
        self.size = 2
        return literal(self.word(1), type)

    def source(self, code: int, type: str) -> Operand:
        """The operand of a source field, a literal included."""
        if code == LITERAL:
            return self.take_literal(type)
        found = source(code, type)
        if found is None:
            raise self.error(f"source operand {code} is reserved, or no start of {register_count(type)} registers")
        return found

    def scalar(self, code: int, count: int) -> Operand:
        """The register of a scalar destination, base or mask field."""
        found = scalar(code, count)
        if found is None:
            raise self.error(f"scalar register {code} is reserved, or no start of {count} registers")
        return found
