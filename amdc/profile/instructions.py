"""Where the waves of a kernel spend their time: its instructions with their clocks, over all its launches of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amdc.bundle import Bundle
from amdc.code_object import CodeObject
from amdc.profile.collect import Sample
from amdc.program import Kernel
from amdc.sim.disassembler import format_instruction
from amdc.sim.isa.model import Instruction
from amdc.sim.timing.operations import Kind, operation
from amdc.sim.translate.blocks import Block, Explorer


@dataclass(frozen=True)
class Cost:
    """One instruction's part of its kernel's time. `us` are microseconds: of each launch, the share of its waves' clocks that
    they were busy with the instruction or stalled at it; `stalled_us` the latter alone. `issues` and `busy` (clocks of its unit)
    are summed over the simulated waves."""

    instruction: Instruction
    block: Block
    where: str  # file:line, "" without a line table
    us: float
    stalled_us: float
    issues: float
    busy: float

    @property
    def text(self) -> str:
        return format_instruction(self.instruction)

    @property
    def kind(self) -> Kind:
        return operation(self.instruction).kind

    @property
    def least_clocks(self) -> int:
        """Clocks of its unit an issue, where lanes neither conflict nor scatter."""
        return operation(self.instruction).clocks


def kernel_costs(samples: Sequence[Sample], kernel: Kernel, bundle: Bundle) -> tuple[Cost, ...]:
    """The instructions that ran in these launches of one kernel, in the order of their addresses."""
    code = CodeObject.parse(bundle.code[kernel.code], f"code object of {kernel.symbol}")
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0] * 4)
    for sample in samples:
        if sample.timing is None:
            continue
        clocks = sum(row.busy + row.stall for row in sample.timing.instructions)
        us_per_clock = sample.timing.microseconds / clocks if clocks else 0.0
        for row in sample.timing.instructions:
            parts = (us_per_clock * (row.busy + row.stall), us_per_clock * row.stall, row.issues, row.busy)
            sums[row.address] = [held + part for held, part in zip(sums[row.address], parts, strict=True)]
    costs = []
    for block in Explorer(code, code.kernels[kernel.symbol]).explore().blocks.values():
        for instruction in block.instructions:
            if instruction.address in sums:
                line = code.lines.find(instruction.address)
                costs.append(Cost(instruction, block, str(line or ""), *sums[instruction.address]))
    return tuple(costs)


def source_texts(bundle: Bundle, kernel: Kernel) -> Mapping[str, str]:
    """The lines of a kernel's source by `file:line`, as line tables name them; empty where the bundle keeps no sources."""
    text = (bundle.sources or {}).get(kernel.code, "")
    return {f"kernel.hip:{number}": line.strip() for number, line in enumerate(text.splitlines(), 1)}
