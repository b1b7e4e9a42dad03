"""The check for reads of registers that nothing wrote: where a kernel needs it, and the C of it.

A forward analysis over the basic blocks finds the registers that are surely written at each instruction (a vector register: in
all active lanes). Only where it cannot tell does the generated code look: `W->written` holds a lane mask for each vector
register, `W->s_written` a bit for each scalar one, and these are kept up to date for just the registers that some check looks at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from amdc.code_object import KernelInfo
from amdc.sim.dispatch import wave_offset_register
from amdc.sim.isa.model import Instruction
from amdc.sim.translate.blocks import Block, Flow, branch_target, is_control
from amdc.sim.translate.effects import EXEC, LAST_SCALAR, SCALAR, Effects, effects_of, registers
from amdc.sim.translate.operands import scalar_bits

VECTORS = (1 << SCALAR) - 1  # the bits of all vector registers in a set of registers
EVERYTHING = (1 << LAST_SCALAR + 1) - 1


def bits(numbers: tuple[int, ...]) -> int:
    """A set of registers as the bits of an integer."""
    result = 0
    for number in numbers:
        result |= 1 << number
    return result


def after(effects: Effects, known: int) -> int:
    """The registers known to be written behind an instruction, given those before it. What was needed has been checked."""
    known |= bits(effects.needs)
    targets = bits(effects.targets)
    if effects.exec == "changes":
        known &= ~VECTORS
    if effects.kind == "writelane":
        return known
    sources = bits(effects.copies)
    lane_sources = sources & VECTORS if effects.kind == "readlane" else 0
    return known & ~targets if sources & ~known or lane_sources else known | targets


def written_at_start(kernel: KernelInfo) -> int:
    """What the launch sets up."""
    descriptor = kernel.descriptor
    scalars = (SCALAR + r.first + i for r in descriptor.sgpr_layout for i in range(r.count))
    return bits((*scalars, SCALAR + wave_offset_register(kernel), EXEC, EXEC + 1, *range(descriptor.workitem_id_dimensions)))


def successors(block: Block) -> list[int]:
    """Where control goes next, as far as that is known."""
    last = block.instructions[-1]
    word = is_control(last)
    found = [branch_target(last)] if word == "branch" else []
    if word in ("", "barrier") or (word == "branch" and last.op.meaning != "branch"):
        found.append(block.next)
    return found


@dataclass
class Unwritten:
    """The analysis of one kernel. `known` holds the registers written at each block's start; `watched` those that checks read."""

    flow: Flow
    kernel: KernelInfo
    known: dict[int, int] = field(default_factory=dict)
    watched: int = 0

    def __post_init__(self) -> None:
        self._effects = {i.address: effects_of(i) for i in self.flow.instructions}
        self._solve()
        while self._watch():
            pass

    def _solve(self) -> None:
        """Largest sets that hold on every path."""
        barriers = {b.next for b in self.flow.blocks.values() if is_control(b.instructions[-1]) == "barrier"}
        unknown = self.flow.entries - barriers - {self.kernel.entry}
        self.known = {address: 0 if address in unknown else EVERYTHING for address in self.flow.blocks}
        self.known[self.kernel.entry] = written_at_start(self.kernel)
        work = list(self.flow.blocks)
        while work:
            block = self.flow.blocks[work.pop()]
            known = self.known[block.address]
            for instruction in block.instructions:
                known = after(self._effects[instruction.address], known)
            for target in successors(block):
                if target in self.known and self.known[target] & ~known:
                    self.known[target] &= known
                    work.append(target)

    def _watch(self) -> bool:
        """Add the registers that checks look at, and the sources of copies into them. False where none were added."""
        before = self.watched
        for block in self.flow.blocks.values():
            known = self.known[block.address]
            for instruction in block.instructions:
                effects = self._effects[instruction.address]
                self.watched |= bits(effects.needs + effects.unless_scratch) & ~known
                if bits(effects.targets) & self.watched:
                    self.watched |= bits(effects.copies) & (VECTORS if effects.kind == "readlane" else ~known)
                known = after(effects, known)
        return self.watched != before

    def line(self, instruction: Instruction, known: int) -> tuple[str, int]:
        """The C in front of an instruction (its updates too: they need EXEC as it is then), and what is known behind it."""
        effects = self._effects[instruction.address]
        front = [_check(number, instruction.address) for number in dict.fromkeys(effects.needs) if not known >> number & 1]
        front += [
            _check(number, instruction.address, f"!(SGPR({effects.resource + 3}) >> 23 & 1) && ")
            for number in effects.unless_scratch
            if not known >> number & 1
        ]
        changed = [number for number in effects.targets if self.watched >> number & 1 and not self._stays(effects, number, known)]
        update = " ".join(_update(effects, number, instruction, known) for number in changed)
        return " ".join([*front, update]).strip(), after(effects, known)

    def _stays(self, effects: Effects, number: int, known: int) -> bool:
        """Whether a register that is written stays so, so that its record needs no change."""
        return bool(known >> number & 1) and not bits(effects.copies) & ~known and effects.kind != "readlane"


def _check(number: int, pc: int, unless: str = "") -> str:
    if number >= SCALAR:
        index = number - SCALAR
        written = f"(W->s_written[{index // 64}] >> {index % 64} & 1)"
        return f"if (UNLIKELY({unless}!{written})) return unwritten_sgpr(W, {index}, 0x{pc:x});"
    return f"if (UNLIKELY({unless}(EXEC & ~W->written[{number}]))) return unwritten_vgpr(W, {number}, 0x{pc:x});"


def _lanes(number: int, known: int) -> str:
    """The lanes in which a source is written."""
    if known >> number & 1:
        return "ALL_LANES"
    if number >= SCALAR:
        return f"(0 - (W->s_written[{(number - SCALAR) // 64}] >> {(number - SCALAR) % 64} & 1))"
    return f"W->written[{number}]"


def _update(effects: Effects, number: int, instruction: Instruction, known: int) -> str:
    """The statement that records what is written of one target."""
    sources = " & ".join(_lanes(source, known) for source in effects.copies) or "ALL_LANES"
    if effects.kind == "writelane":
        return f"W->written[{number}] |= (u64)1 << ({_lane_number(instruction)});"
    if effects.kind == "readlane" and effects.copies and effects.copies[0] < SCALAR:
        sources = f"(0 - (W->written[{effects.copies[0]}] >> ({_lane_number(instruction)}) & 1))"
    if number >= SCALAR:
        word, shift = (number - SCALAR) // 64, (number - SCALAR) % 64
        if sources == "ALL_LANES":
            return f"W->s_written[{word}] |= (u64)1 << {shift};"
        return (
            f"W->s_written[{word}] = (W->s_written[{word}] & ~((u64)1 << {shift})) | (u64)(({sources}) == ALL_LANES) << {shift};"
        )
    if effects.kind == "select" and sources != "ALL_LANES":
        sources = _select_lanes(instruction, known)
    if sources == "ALL_LANES":
        return f"W->written[{number}] |= EXEC;"
    return f"W->written[{number}] = (W->written[{number}] & ~EXEC) | (({sources}) & EXEC);"


def _select_lanes(instruction: Instruction, known: int) -> str:
    chosen = [
        " & ".join(_lanes(source, known) for source in registers(operand)) or "ALL_LANES" for operand in instruction.src[:2]
    ]
    mask = scalar_bits(instruction.src[2], 2)
    return f"(({chosen[0]}) & ~{mask}) | (({chosen[1]}) & {mask})"


def _lane_number(instruction: Instruction) -> str:
    if instruction.op.meaning == "readfirstlane":
        return "first_lane(EXEC)"
    return f"{scalar_bits(instruction.src[1], 1)} & 63"
