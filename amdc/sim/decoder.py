"""From bytes to instructions: a linear sweep over gfx8 machine code.

`decode` gives every instruction of a text; `decode_one` the one at an offset. Bytes that no row of the table describes raise
`UnknownInstruction`, which names the encoding, the opcode and the bytes.
Source: AMD, GCN3 ISA manual, chapter 13, "Microcode formats".
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from amdc.sim import decode_memory as memory
from amdc.sim import decode_scalar as scalar
from amdc.sim import decode_vector as vector
from amdc.sim.fetch import Fetch, UnknownInstruction
from amdc.sim.isa.model import Instruction

__all__ = ["UnknownInstruction", "decode", "decode_one"]

LONGEST = 8  # bytes of an instruction, a literal included
Decoder = Callable[[Fetch], Instruction]
_BY_TOP_6: dict[int, Decoder] = {
    0b110000: scalar.decode_smem,
    0b110001: memory.decode_exp,
    0b110100: vector.decode_vop3,
    0b110101: memory.decode_vintrp,
    0b110110: memory.decode_ds,
    0b110111: memory.decode_flat,
    0b111000: memory.decode_mubuf,
    0b111010: memory.decode_mtbuf,
    0b111100: memory.decode_mimg,
}
_BY_TOP_9: dict[int, Decoder] = {
    0b101111101: scalar.decode_sop1,
    0b101111110: scalar.decode_sopc,
    0b101111111: scalar.decode_sopp,
}
_BY_TOP_7: dict[int, Decoder] = {0b0111111: vector.decode_vop1, 0b0111110: vector.decode_vopc}


def _decoder(word: int) -> Decoder | None:
    """The encoding that the word's highest bits name; the longest match wins."""
    if not word >> 31:
        return _BY_TOP_7.get(word >> 25, vector.decode_vop2)
    if word >> 30 == 0b10:
        return _BY_TOP_9.get(word >> 23) or (scalar.decode_sopk if word >> 28 == 0b1011 else scalar.decode_sop2)
    return _BY_TOP_6.get(word >> 26)


def _words(text: bytes) -> tuple[int, ...]:
    if len(text) % 4:
        raise UnknownInstruction(f"{len(text)} bytes of code are no whole number of 4-byte words; is the code object damaged?")
    return struct.unpack(f"<{len(text) // 4}I", text)


def _decode_at(words: tuple[int, ...], index: int, address: int) -> Instruction:
    fetch = Fetch(words, index, address)
    decoder = _decoder(words[index])
    if decoder is None:
        raise fetch.error(f"encoding {words[index] >> 26:06b} is unknown")
    return decoder(fetch)


def decode_one(text: bytes, offset: int = 0, base: int = 0) -> Instruction:
    """The instruction at byte `offset` of `text`; its address is `base + offset`."""
    if offset % 4 or not 0 <= offset < len(text):
        raise UnknownInstruction(f"no instruction starts at byte {offset} of {len(text)} bytes of code")
    return _decode_at(_words(text[offset : offset + LONGEST]), 0, base + offset)


def decode(text: bytes, base: int = 0) -> list[Instruction]:
    """All instructions of `text` in order; the first one's address is `base`."""
    words = _words(text)
    found: list[Instruction] = []
    index = 0
    while index < len(words):
        instruction = _decode_at(words, index, base + 4 * index)
        found.append(instruction)
        index += instruction.size // 4
    return found
