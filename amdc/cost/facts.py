"""What a kernel's code object says about its speed, without running it: occupancy, and per basic block what it asks of the CU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from amdc.code_object import CodeObject, groups_per_cu, waves_of, waves_per_simd
from amdc.cost.loops import Loop, find_loops
from amdc.cost.mix import Mix
from amdc.cost.trips import Counts
from amdc.cost.walk import Walk
from amdc.sim.translate.blocks import Explorer, Flow
from amdc.target import target


@dataclass(frozen=True)
class Shape:
    """How a kernel fills a CU: waves of a work-group, work-groups that a CU holds at once, and the waves of its fuller SIMDs."""

    group_waves: int
    groups_per_cu: int
    waves_per_simd: int


@dataclass(frozen=True)
class KernelFacts:
    """`blocks` holds each basic block's mix by address; `loops` are ordered outer before inner."""

    name: str
    shape: Shape
    blocks: Mapping[int, Mix]
    loops: tuple[Loop, ...]

    @staticmethod
    def read(code: CodeObject, name: str, workgroup_size: int | None = None) -> KernelFacts:
        """The facts of a code object's kernel. Raises `ModelError` where unknown opcodes can be reached."""
        kernel, hardware = code.kernels[name], target(code.arch)
        flow = Explorer(code, kernel).explore()
        loops = find_loops(flow, kernel.entry)
        shape = Shape(
            waves_of(kernel, hardware, workgroup_size),
            groups_per_cu(kernel, hardware, workgroup_size),
            waves_per_simd(kernel, hardware, workgroup_size),
        )
        return KernelFacts(name, shape, _mixes(flow, loops), loops)

    @cached_property
    def bodies(self) -> tuple[Mix, ...]:
        """Of each loop, one iteration without its inner loops."""
        own = [
            loop.blocks - frozenset().union(*(inner.blocks for inner in self._inside(index)))
            for index, loop in enumerate(self.loops)
        ]
        return tuple(self._sum(blocks) for blocks in own)

    @cached_property
    def outside(self) -> Mix:
        """All that stands in no loop."""
        return self._sum(frozenset(self.blocks) - frozenset().union(*(loop.blocks for loop in self.loops)))

    def total(self, trips: Sequence[float]) -> Mix:
        """One wave's sum, where each loop's body runs `trips` times in all and everything else once."""
        return sum((body * count for body, count in zip(self.bodies, trips, strict=True)), self.outside)

    def along(self, counts: Mapping[int, float]) -> Mix:
        """One wave's sum, where each block runs as often as `counts` says, by address."""
        return sum((self.blocks[address] * count for address, count in counts.items()), Mix())

    def of_group(self, waves: Sequence[Counts]) -> Mix:
        """A wave's sum in the mean of a work-group's. What the slowest of them takes alone, all take: others wait for it."""
        mean = sum((self.along(wave.shares) for wave in waves), Mix()) * (1 / len(waves))
        return replace(mean, alone=max(self.along(wave.blocks).alone for wave in waves))

    def _inside(self, index: int) -> list[Loop]:
        return [loop for loop in self.loops if loop.parent == index]

    def _sum(self, blocks: frozenset[int]) -> Mix:
        return sum((self.blocks[address] for address in blocks), Mix())


def _mixes(flow: Flow, loops: tuple[Loop, ...]) -> dict[int, Mix]:
    """Each block's mix, walked in the order of addresses. At its end a loop is walked once more: what its iterations load for the
    following ones shows only then."""
    walk, mixes = Walk(), dict[int, Mix]()
    ends = {max(loop.blocks): loop for loop in reversed(loops)}
    for address in sorted(flow.blocks):
        mixes[address] = walk.block(flow.blocks[address])
        if address in ends:
            mixes |= {again: walk.block(flow.blocks[again]) for again in sorted(ends[address].blocks)}
    return mixes
