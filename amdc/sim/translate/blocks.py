"""From a kernel's entry to its basic blocks: the instructions that can be reached, cut where control may enter or leave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amdc.code_object import CodeObject, KernelInfo
from amdc.errors import ModelError
from amdc.sim.decoder import decode_one
from amdc.sim.isa.model import Instruction

LONGEST = 8  # bytes of one instruction
CALL_WINDOW = 8  # instructions between s_getpc_b64 and the addition of the function's distance


@dataclass(frozen=True)
class Block:
    """Consecutive instructions, entered only at the first. `address` is the code object's; execution falls through to `next`
    unless the last instruction leaves."""

    address: int
    instructions: tuple[Instruction, ...]

    @property
    def next(self) -> int:
        last = self.instructions[-1]
        return last.address + last.size


@dataclass(frozen=True)
class Flow:
    """A kernel's blocks by address, and the addresses that may be entered other than by a direct branch: the kernel's entry,
    what follows a barrier or a call, and the functions that may be called."""

    blocks: dict[int, Block]
    entries: frozenset[int]

    @property
    def instructions(self) -> Iterable[Instruction]:
        return (instruction for block in self.blocks.values() for instruction in block.instructions)


def branch_target(instruction: Instruction) -> int:
    """Where a direct branch goes: words from the next instruction."""
    return instruction.address + instruction.size + 4 * int(instruction.modifiers["simm16"])


def is_control(instruction: Instruction) -> str:
    """The control keyword that ends a block, or ""."""
    word = instruction.op.meaning.split(" ")[0]
    return word if word in ("end", "branch", "barrier", "jump", "call", "trap") else ""


def takes_turns(flow: Flow) -> bool:
    """Whether a wave of the kernel may act on what others did to a value before it: an atomic in memory gives it the old one."""
    return any(i.op.format in ("FLAT", "MUBUF") and i.op.meaning.startswith("atomic ") and i.dst for i in flow.instructions)


class Explorer:
    """Follows the control flow of one kernel."""

    def __init__(self, code: CodeObject, kernel: KernelInfo) -> None:
        self.code, self.kernel = code, kernel
        self.text_end = code.text_address + len(code.text)
        self.instructions: dict[int, Instruction] = {}
        self.leaders: set[int] = {kernel.entry}
        self.entries: set[int] = {kernel.entry}

    def explore(self) -> Flow:
        """Raises `ModelError` where the code runs out of .text or an unknown opcode can be reached."""
        work, calls = [self.kernel.entry], False
        while work:
            address = work.pop()
            while address not in self.instructions:
                instruction = self._decode(address)
                self.instructions[address] = instruction
                following = address + instruction.size
                word = is_control(instruction)
                if word in ("jump", "call") and not calls:
                    calls = True
                    work += self._functions()
                if instruction.op.name == "s_getpc_b64":
                    work += self._computed_address(instruction)
                if word in ("barrier", "call"):
                    self._enter(following)
                if word == "branch":
                    self.leaders |= {branch_target(instruction), following}
                    work.append(branch_target(instruction))
                if word in ("end", "jump", "trap") or instruction.op.meaning == "branch":
                    break
                address = following
        return Flow(self._cut(), frozenset(self.entries))

    def _enter(self, address: int) -> None:
        self.leaders.add(address)
        self.entries.add(address)

    def _decode(self, address: int) -> Instruction:
        if not self.code.text_address <= address < self.text_end:
            raise ModelError(f"kernel {self.kernel.name} of {self.code.name} runs out of its code, at 0x{address:x}")
        offset = address - self.code.text_address
        return decode_one(self.code.text[offset : offset + LONGEST], 0, address)

    def _functions(self) -> list[int]:
        """The functions that a kernel with indirect calls may reach: all symbols in .text but the kernels."""
        kernels = {kernel.entry for kernel in self.code.kernels.values()}
        found = [
            symbol.address
            for symbol in self.code.symbols.values()
            if symbol.section and self.code.text_address <= symbol.address < self.text_end and symbol.address not in kernels
        ]
        for address in found:
            self._enter(address)
        return found

    def _computed_address(self, getpc: Instruction) -> list[int]:
        """The address that s_getpc_b64 and the addition of a literal make, where it lies in .text."""
        address = base = getpc.address + getpc.size
        for _ in range(CALL_WINDOW):
            if address >= self.text_end:
                break
            instruction = self._decode(address)
            if is_control(instruction):
                break
            if instruction.op.name == "s_add_u32" and instruction.dst[0] == instruction.src[0]:
                literal = instruction.src[1]
                distance = literal.value - (1 << 32) if literal.value >> 31 else literal.value
                target = base + distance
                if instruction.dst[0].index == getpc.dst[0].index and literal.kind in ("literal", "inline"):
                    if self.code.text_address <= target < self.text_end and target % 4 == 0:
                        self._enter(target)
                        return [target]
                    return []
            address += instruction.size
        return []

    def _cut(self) -> dict[int, Block]:
        blocks, run = {}, []
        for address in sorted(self.instructions):
            instruction = self.instructions[address]
            run.append(instruction)
            following = address + instruction.size
            if is_control(instruction) or following in self.leaders or following not in self.instructions:
                blocks[run[0].address] = Block(run[0].address, tuple(run))
                run = []
        return blocks
