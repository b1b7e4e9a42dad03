"""One wave's way through its instructions: what each asks of the CU, and how long the wave waits where it is alone."""

from __future__ import annotations

from collections import deque

from amdc.cost import rates
from amdc.cost.mix import Mix
from amdc.sim.isa.model import Instruction
from amdc.sim.translate.blocks import Block

VECTOR = ("VOP1", "VOP2", "VOP3", "VOPC", "VINTRP")
MEMORY = ("MUBUF", "MTBUF", "FLAT", "MIMG")
VMCNT, LGKMCNT = 15, 15  # the counters' widest values: no wait [GCN3, "S_WAITCNT"]


class Walk:
    """`clock` runs on through the blocks; the queues hold when outstanding operations will have completed. Vector memory
    operations complete in order; LDS and scalar loads share the other counter."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.vector: deque[float] = deque()
        self.scalar: deque[float] = deque()

    def block(self, block: Block) -> Mix:
        """The mix of a block, entered in the state that the walk is in."""
        start, total = self.clock, Mix()
        for instruction in block.instructions:
            total += self._step(instruction)
        return total + Mix(issues=len(block.instructions), alone=self.clock - start)

    def _step(self, instruction: Instruction) -> Mix:
        kind = instruction.op.format
        if kind in VECTOR:
            clocks = rates.valu_clocks(instruction)
            self.clock += clocks
            return Mix(valu=clocks)
        if instruction.op.meaning == "waitcnt":
            self._wait(int(instruction.modifiers["simm16"]))
        self.clock += rates.ISSUE
        if kind == "DS":
            clocks = rates.lds_clocks(instruction)
            self.scalar.append(self.clock + clocks + rates.LDS_LATENCY)
            return Mix(lds=clocks)
        if kind == "SMEM":
            self.scalar.append(self.clock + rates.SCALAR_LATENCY)
        if kind in MEMORY:
            return self._memory(instruction)
        return Mix(barriers=int(instruction.op.meaning == "barrier"))

    def _memory(self, instruction: Instruction) -> Mix:
        clocks, nbytes = rates.vmem_clocks(instruction), rates.data_bytes(instruction) * rates.LANES
        self.vector.append(self.clock + clocks + rates.MEMORY_LATENCY)
        if instruction.op.format == "FLAT":
            self.scalar.append(self.vector[-1])
        stored = nbytes if rates.is_store(instruction) else 0
        return Mix(vmem=clocks, load_bytes=nbytes - stored, store_bytes=stored)

    def _wait(self, field: int) -> None:
        """s_waitcnt: vmcnt in bits 0-3, lgkmcnt in bits 8-11. [GCN3]"""
        for queue, count in ((self.vector, field & VMCNT), (self.scalar, field >> 8 & LGKMCNT)):
            while len(queue) > count:
                self.clock = max(self.clock, queue.popleft())
