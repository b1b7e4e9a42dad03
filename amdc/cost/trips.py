"""How often a launch runs each basic block, found by following the integers of one wave.

Compilers keep what a work-group's waves have in common in scalar registers: the kernel's arguments, loop counters and their
limits. Of vector registers, the first lane's values are followed, and its comparisons are taken for all lanes'. Memory other than
the arguments is unknown. Where a branch hangs on something unknown, lanes are taken to stay active, and a loop to run once. Where
it hangs on which wave comes last, the last one's way is followed, which a share of the waves goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from amdc.code_object import CodeObject, KernelInfo
from amdc.cost.loops import find_loops
from amdc.cost.scalar_values import VECTOR, VECTOR_COMPARE
from amdc.cost.wave import KEEP, SELECT, Wave, numbers
from amdc.sim.isa.model import Instruction
from amdc.sim.kernarg import LaunchShape
from amdc.sim.translate.blocks import Block, Explorer, branch_target, is_control

MOST_BLOCKS = 100_000  # executions after which a wave is taken not to end
SCALAR = ("SOP1", "SOP2", "SOPK", "SOPC", "SMEM")


@dataclass(frozen=True)
class Counts:
    """`blocks`: executions of one wave by the block's address; `shares`: the same, but where only a share of such waves goes that
    way, by that share. `known`: no loop's end hung on something unknown."""

    blocks: dict[int, int]
    shares: dict[int, float]
    known: bool


class Tracer:
    """Follows the waves of one kernel; its code is decoded once."""

    def __init__(self, code: CodeObject, name: str) -> None:
        self.kernel: KernelInfo = code.kernels[name]
        flow = Explorer(code, self.kernel).explore()
        self.blocks = flow.blocks
        self._loop = {address: loop for loop in find_loops(flow, self.kernel.entry) for address in loop.blocks}  # the innermost
        needed = _needed_vectors([i for block in self.blocks.values() for i in block.instructions])
        self._relevant = {
            address: [i for i in block.instructions if _is_relevant(i, needed)] for address, block in self.blocks.items()
        }

    def group(self, kernarg: bytes, shape: LaunchShape, waves: int) -> tuple[Counts, ...]:
        """Of each of a work-group's `waves`; of one where the first and the last go the same way."""
        first = self.count(kernarg, shape)
        if waves == 1 or first == self.count(kernarg, shape, waves - 1):
            return (first,)
        return first, *(self.count(kernarg, shape, wave) for wave in range(1, waves))

    def count(self, kernarg: bytes, shape: LaunchShape, index: int = 0) -> Counts:
        """The blocks that a wave of the work-group in the middle of the grid runs; `kernarg` is the packed argument segment."""
        wave = Wave(self.kernel, kernarg, shape, index)
        found: Counter[int] = Counter()
        shares: dict[int, float] = {}
        address, steps, share = self.kernel.entry, 0, 1.0
        while address in self.blocks and steps < MOST_BLOCKS:
            found[address] += 1
            shares[address] = shares.get(address, 0.0) + share
            steps += 1
            for instruction in self._relevant[address]:
                wave.step(instruction)
            address, part = self._following(self.blocks[address], wave, found)
            share *= part
        return Counts(dict(found), shares, wave.known and steps < MOST_BLOCKS)

    def _following(self, block: Block, wave: Wave, found: Mapping[int, int]) -> tuple[int, float]:
        """The address of the block that comes after `block`, -1 behind the last, and which share of the waves goes there."""
        last = block.instructions[-1]
        word = is_control(last)
        if word in ("end", "jump", "trap"):
            return -1, 1.0
        if word != "branch":
            return block.next, 1.0
        condition, target = last.op.meaning.partition(" ")[2], branch_target(last)
        taken, likely = wave.holds(condition), wave.likelihood(condition)
        if taken is not None:
            return target if taken else block.next, 1.0
        if likely is not None:  # the few have more to do
            return (target, likely) if likely < 0.5 else (block.next, 1 - likely)
        return self._guess(block, wave, found), 1.0

    def _guess(self, block: Block, wave: Wave, found: Mapping[int, int]) -> int:
        """Of unknown ways, the one out of a loop that has run once; else straight on."""
        target = branch_target(block.instructions[-1])
        loop = self._loop.get(block.address)
        inside = [address for address in (block.next, target) if loop and address in loop.blocks]
        if loop is None or len(inside) != 1:
            return block.next
        wave.known = False
        (stay,) = inside
        leave = target if stay == block.next else block.next
        return leave if found[loop.head] > 1 or stay == loop.head else stay


def _is_relevant(instruction: Instruction, needed: set[int]) -> bool:
    if instruction.op.format in SCALAR or instruction.op.name == KEEP:
        return True
    return any(dst.kind != "vgpr" or not needed.isdisjoint(numbers(dst)) for dst in instruction.dst)


def _needed_vectors(instructions: list[Instruction]) -> set[int]:
    """The vector registers from which scalar ones are computed, by instructions that `Wave` follows."""
    followed = [i for i in instructions if i.op.name in (*VECTOR, *VECTOR_COMPARE, SELECT)]
    needed: set[int] = set()
    while True:
        found = {
            number
            for i in followed
            if any(dst.kind != "vgpr" or not needed.isdisjoint(numbers(dst)) for dst in i.dst[:1])
            for src in i.src
            if src.kind == "vgpr"
            for number in numbers(src)
        }
        if found <= needed:
            return needed
        needed |= found
