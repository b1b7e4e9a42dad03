"""One wave's way through its instructions: what each asks of the CU, and how long the wave waits where it is alone."""

from __future__ import annotations

from collections import deque

from amdc.cost.mix import Mix
from amdc.sim.timing.machine import ISSUE, Machine
from amdc.sim.timing.operations import Kind, Operation, operation
from amdc.sim.translate.blocks import Block
from amdc.sim.translate.types import type_bytes

MEMORY = (Kind.LOAD, Kind.STORE, Kind.ATOMIC)
LANES = 64


class Walk:
    """`clock` runs on through the blocks; the queues hold when outstanding operations will have completed. Vector memory
    operations complete in order; LDS and scalar loads share the other counter. Loads take DRAM's latency, scalar ones too: what a
    kernel reads first comes from there, and what L2 holds queues."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.vector: deque[float] = deque()
        self.scalar: deque[float] = deque()

    def block(self, block: Block) -> Mix:
        """The mix of a block, entered in the state that the walk is in."""
        start, total = self.clock, Mix()
        for instruction in block.instructions:
            total += self._step(operation(instruction))
        return total + Mix(issues=len(block.instructions), alone=self.clock - start)

    def _step(self, op: Operation) -> Mix:
        if op.kind == Kind.VALU:
            self.clock += op.clocks
            return Mix(valu=op.clocks)
        self._wait(op)
        self.clock += max(ISSUE, op.clocks if op.kind == Kind.SALU else 0)
        if op.kind in MEMORY:
            return self._memory(op)
        if op.kind in (Kind.LDS, Kind.EXCHANGE):
            self.scalar.append(self.clock + op.clocks + Machine.lds_latency)
            return Mix(lds=op.clocks)
        if op.kind == Kind.SMEM:
            self.scalar.append(self.clock + Machine.dram_latency)
        return Mix(barriers=int(op.kind == Kind.BARRIER))

    def _memory(self, op: Operation) -> Mix:
        instruction = op.instructions[0].op
        nbytes = LANES * type_bytes(instruction.meaning.split(" ")[-1])
        self.vector.append(self.clock + op.clocks + (Machine.store_latency if op.kind == Kind.STORE else Machine.dram_latency))
        if instruction.format == "FLAT":
            self.scalar.append(self.vector[-1])
        stored = nbytes if op.kind == Kind.STORE else 0
        return Mix(vmem=op.clocks, load_bytes=nbytes - stored, store_bytes=stored)

    def _wait(self, op: Operation) -> None:
        for queue, count in ((self.vector, op.vm), (self.scalar, op.lgkm)):
            while len(queue) > count:
                self.clock = max(self.clock, queue.popleft())
